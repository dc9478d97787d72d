import assert from 'node:assert/strict';
import { planPrune } from '../../../lib/model/prune-plan.ts';
import { resolveModel } from '../../../lib/model/resolve.ts';
import type { PlainChoice, PlainSelection } from '../../../lib/model/selection.ts';
import type { ObjectStore, StoredObject } from '../../../lib/model/stores/object-store.ts';

const NEVER = new AbortController().signal;
/** More than a function takes as arguments, and than may be copied once for each. */
const MANY = 150_000;

function objectAt(name: string, day: number): StoredObject {
  return { name, size: 1, etag: '1', modified: new Date(Date.UTC(2026, 10, day)), md5: undefined };
}

describe(`of ${MANY} objects`, function () {
  this.timeout(120_000);
  const objects = Array.from({ length: MANY }, (_, index) => objectAt(`m/2.0/${index}`, index === 5 ? 26 : 24));

  for (const select of ['all', 'newestFolder'] satisfies PlainChoice[]) {
    it(`a model can be made with select: ${select}`, async () => {
      // eslint-disable-next-line @typescript-eslint/require-await
      const list = async function* (): AsyncGenerator<StoredObject> {
        yield* objects;
      };
      const store = { container: 'training', uriOf: (name: string) => `https://store/${name}`, list };
      const selection: PlainSelection = { layout: 'plain', model: undefined, patterns: ['m/**'], select };
      const { files, created } = await resolveModel(store as unknown as ObjectStore, selection, NEVER);
      assert.deepEqual([files.length, created], [MANY, new Date(Date.UTC(2026, 10, 26))]);
    });
  }

  it('that an attempt has left, all are pruned once the newest is a day old', () => {
    const left = objects.map((object) => ({ ...object, path: `files/${object.name}` }));
    const state = { version: '1', objects: left, manifest: undefined, deprecation: undefined };
    const verdictOn = (day: number): string | undefined =>
      planPrune([state], [], { keep: 1, now: new Date(Date.UTC(2026, 10, day)) })[0]?.verdict;
    assert.deepEqual([verdictOn(26), verdictOn(28)], ['stays', 'goes']);
  });
});
