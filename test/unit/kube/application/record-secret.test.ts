import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { pack, unpack } from '../../../../lib/kube/application/packed.ts';
import { NO_RECORD, withRevision } from '../../../../lib/kube/application/record.ts';
import type { ApplicationRecord } from '../../../../lib/kube/application/record.ts';
import { recordOf, secretOf } from '../../../../lib/kube/application/record-secret.ts';
import type { Resource } from '../../../../lib/kube/client/resource.ts';
import type { ManifestObject } from '../../../../lib/kube/manifests/manifest-object.ts';

const SHOP = { name: 'shop', namespace: 'prod' };
const RUN = { name: 'shop 1, job Deploy', url: 'https://dev.azure.com/org/shop/_build/results?buildId=1' };
const CONFIG_MAPS: Resource = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
const REF = { resource: CONFIG_MAPS, namespace: 'prod', name: 'settings' };

function manifestsOf(greeting: string): readonly ManifestObject[] {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { greeting } };
  return [{ object, source: 'app.yml:1' }];
}

function withGreeting(record: ApplicationRecord, greeting: string): ApplicationRecord {
  const at = '2026-11-25T18:00:00Z';
  return withRevision(record, { at, run: RUN, images: ['shop.io/app:1'], manifests: pack(manifestsOf(greeting)) });
}

describe('the record of an application', () => {
  it('comes back from its Secret as it went in', () => {
    const footprints = pack([{ ref: REF, before: undefined, desired: manifestsOf('hello')[0]?.object }]);
    const whole: ApplicationRecord = {
      ...withGreeting(withGreeting(NO_RECORD, 'hello'), 'good evening'),
      objects: [REF],
      unfinished: { run: RUN, since: '2026-11-25T18:01:00Z', footprints },
      pending: {
        strategy: 'canary',
        run: RUN,
        since: '2026-11-25T18:01:00Z',
        manifests: pack(manifestsOf('hi')),
        footprints,
        state: { step: 2 },
      },
    };
    assert.deepEqual(recordOf(SHOP, secretOf(SHOP, whole)), whole);
    assert.deepEqual(recordOf(SHOP, secretOf(SHOP, NO_RECORD)), NO_RECORD);
  });

  it('keeps ten revisions, whose numbers go on', () => {
    const greetings = Array.from({ length: 12 }, (_, index) => `greeting ${index + 1}`);
    const { revisions } = greetings.reduce(withGreeting, NO_RECORD);
    assert.deepEqual(
      revisions.map(({ number }) => number),
      [3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    );
    assert.deepEqual(unpack(revisions.at(-1)?.manifests ?? pack([])), manifestsOf('greeting 12'));
  });

  it('leaves out old revisions where they do not fit into a Secret', () => {
    const large = (): string => randomBytes(150_000).toString('base64');
    const record = Array.from({ length: 8 }, large).reduce(withGreeting, NO_RECORD);
    const secret = secretOf(SHOP, record);
    const bytes = Object.values(secret.data as Record<string, string>).reduce(
      (sum, text) => sum + text.length * 0.75,
      0,
    );
    assert.ok(bytes <= 1024 * 1024);
    const kept = recordOf(SHOP, secret).revisions.map(({ number }) => number);
    assert.ok(kept.length > 1 && kept.length < 8);
    assert.equal(kept.at(-1), 8);
  });

  it('that does not fit even so is an error before anything is changed', () => {
    const record = withGreeting(NO_RECORD, randomBytes(1_500_000).toString('base64'));
    assert.throws(() => secretOf(SHOP, record), { code: 'RECORD_TOO_LARGE' });
  });

  it('is not taken from a Secret that something else wrote', () => {
    const secret = secretOf(SHOP, withGreeting(NO_RECORD, 'hello'));
    const newer = { index: Buffer.from(JSON.stringify({ schema: 2 })).toString('base64') };
    for (const other of [
      { ...secret, type: 'Opaque' },
      { ...secret, data: {} },
      { ...secret, data: { index: '!' } },
      { ...secret, data: newer },
    ]) {
      assert.throws(() => recordOf(SHOP, other), { code: 'RECORD_INVALID' });
    }
  });
});
