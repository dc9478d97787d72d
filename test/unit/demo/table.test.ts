import assert from 'node:assert/strict';
import { bytesOf, layersOnlyIn } from '../../../tools/demo/image-layers.ts';
import { table } from '../../../tools/demo/table.ts';

describe("the demo's table", () => {
  it('gives each column the width of its widest cell', () => {
    assert.equal(
      table([
        ['', 'model 1'],
        ['answer', '3'],
      ]),
      [
        '┌────────┬─────────┐',
        '│        │ model 1 │',
        '├────────┼─────────┤',
        '│ answer │ 3       │',
        '└────────┴─────────┘',
      ].join('\n'),
    );
  });
});

describe('layers of two images', () => {
  const base = { digest: 'sha256:base', size: 1000 };
  const app = { digest: 'sha256:app', size: 20 };
  const model = { digest: 'sha256:model-2', size: 300 };

  it('are told apart by digest', () => {
    const previous = [base, app, { digest: 'sha256:model-1', size: 200 }];
    const added = layersOnlyIn([base, app, model], previous);
    assert.deepEqual(added, [model]);
    assert.equal(bytesOf(added), 300);
  });
});
