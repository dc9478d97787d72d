import assert from 'node:assert/strict';
import { pack } from '../../../../lib/kube/application/packed.ts';
import { NO_RECORD } from '../../../../lib/kube/application/record.ts';
import type { ApplicationRecord } from '../../../../lib/kube/application/record.ts';
import { originOf, revisionToRestore } from '../../../../lib/kube/application/revision-to-restore.ts';

const SHOP = { name: 'shop', namespace: 'prod' };

/** Revisions from 1 on; those with a number brought that one back. */
function recordOf(...restored: readonly (number | undefined)[]): ApplicationRecord {
  const revisions = restored.map((restores, index) => ({
    number: index + 1,
    at: '2026-11-25T18:00:00Z',
    run: { name: `shop ${index + 1}`, url: undefined },
    images: [],
    manifests: pack([]),
    ...(restores === undefined ? {} : { restores }),
  }));
  return { ...NO_RECORD, revisions };
}

function before(record: ApplicationRecord): number {
  return revisionToRestore(SHOP, record, undefined).number;
}

describe('the revision to go back to', () => {
  it('is the one before the current', () => {
    assert.equal(before(recordOf(undefined, undefined, undefined)), 2);
  });

  it('lies further back each time, and never forward at what was just left', () => {
    assert.equal(before(recordOf(undefined, undefined, undefined, 2)), 1);
  });

  it('is the one before the current also where that only brought another back, and not what that was left for', () => {
    const record = recordOf(undefined, undefined, undefined, 2, undefined);
    const found = revisionToRestore(SHOP, record, undefined);
    assert.equal(originOf(found), 2);
    // Going back once more goes on from there.
    assert.equal(before(recordOf(undefined, undefined, undefined, 2, undefined, originOf(found))), 1);
  });

  it('can be named', () => {
    assert.equal(revisionToRestore(SHOP, recordOf(undefined, undefined, undefined), 3).number, 3);
  });

  it('is missing where there is none before, or none of that number; the error lists what is kept', () => {
    assert.throws(() => before(recordOf(undefined)), {
      code: 'REVISION_NOT_FOUND',
      remedy: /Kept are: 1 \(2026-11-25T18:00Z, shop 1\)/,
    });
    assert.throws(() => before(recordOf(undefined, 1)), { code: 'REVISION_NOT_FOUND' });
    assert.throws(() => before(NO_RECORD), { code: 'REVISION_NOT_FOUND', remedy: /Deploy it first/ });
    assert.throws(() => revisionToRestore(SHOP, recordOf(undefined), 7), {
      code: 'REVISION_NOT_FOUND',
      message: /revision 7/,
    });
  });
});
