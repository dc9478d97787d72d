import assert from 'node:assert/strict';
import {
  type Deprecation,
  readDeprecation,
  removeDeprecation,
  versionDeprecated,
  writeDeprecation,
} from '../../../lib/model/deprecation.ts';
import { ManagedLayout } from '../../../lib/model/layout.ts';
import type { ManagedStore } from '../../../lib/model/managed-store.ts';
import { type BlobContainer, freshContainer, namesIn, openContainer, put } from '../../support/blob-container.ts';
import { delegating } from '../../support/object-stores.ts';

const NEVER = new AbortController().signal;
const SEVEN = { model: 'digits', version: '7' };
const BIASED: Deprecation = { reason: 'biased', deprecated: new Date('2026-11-25T10:00:00Z'), by: 'ops 3' };

describe('a deprecation', () => {
  let container: BlobContainer;
  let managed: ManagedStore;

  beforeEach(async () => {
    container = await freshContainer();
    managed = { store: await openContainer(container), layout: new ManagedLayout('models') };
  });
  afterEach(() => container.client.delete());

  it('is read as it was written, and is gone once it is lifted', async () => {
    assert.equal(await readDeprecation(managed, SEVEN, NEVER), undefined);
    assert.equal(await writeDeprecation(managed, SEVEN, BIASED, NEVER), 'deprecated');
    assert.deepEqual(await namesIn(container), ['models/digits/versions/7/deprecated.json']);
    assert.deepEqual(await readDeprecation(managed, SEVEN, NEVER), { ...BIASED, pruned: undefined });
    assert.equal(await removeDeprecation(managed, SEVEN, NEVER), 'reinstated');
    assert.equal(await removeDeprecation(managed, SEVEN, NEVER), 'unchanged');
    assert.deepEqual(await namesIn(container), []);
  });

  it('takes another reason, and says when it is the same one', async () => {
    await writeDeprecation(managed, SEVEN, BIASED, NEVER);
    const later = { ...BIASED, deprecated: new Date() };
    assert.equal(await writeDeprecation(managed, SEVEN, later, NEVER), 'unchanged');
    assert.equal(await writeDeprecation(managed, SEVEN, { ...later, reason: 'slow' }, NEVER), 'deprecated');
    assert.equal((await readDeprecation(managed, SEVEN, NEVER))?.reason, 'slow');
  });

  it('gives up on a store in which no change is ever the expected one', async () => {
    await writeDeprecation(managed, SEVEN, BIASED, NEVER);
    const { store, layout } = managed;
    const never = { ...delegating(store), write: () => Promise.resolve(false) };
    await assert.rejects(writeDeprecation({ store: never, layout }, SEVEN, { ...BIASED, reason: 'slow' }, NEVER), {
      code: 'DEPRECATION_BUSY',
      message: /versions\/7\/deprecated\.json was changed by others/,
    });
  });

  it('whose blob somebody leases can neither be changed nor lifted, and says so', async () => {
    await writeDeprecation(managed, SEVEN, BIASED, NEVER);
    const lease = container.client.getBlobClient('models/digits/versions/7/deprecated.json').getBlobLeaseClient();
    await lease.acquireLease(-1);
    const leased = { code: 'BLOB_LEASED', message: /deprecated\.json" .* is leased/, remedy: /^Break its lease/ };
    await assert.rejects(writeDeprecation(managed, SEVEN, { ...BIASED, reason: 'slow' }, NEVER), leased);
    await assert.rejects(removeDeprecation(managed, SEVEN, NEVER), leased);
    await lease.breakLease(0);
    assert.equal(await removeDeprecation(managed, SEVEN, NEVER), 'reinstated');
  });

  it('that cannot be read is no permission', async () => {
    await put(container, 'models/digits/versions/7/deprecated.json', '{"schemaVersion": 1}');
    await assert.rejects(readDeprecation(managed, SEVEN, NEVER), { code: 'MANIFEST_INVALID', message: /reason/ });
  });

  it('refuses with its reason', () => {
    assert.match(versionDeprecated(SEVEN, BIASED).message, /version 7 of digits is deprecated: biased\.$/);
    assert.equal(versionDeprecated(SEVEN, { ...BIASED, pruned: 'sha256:0' }).code, 'VERSION_PRUNED');
  });
});
