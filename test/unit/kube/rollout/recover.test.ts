import assert from 'node:assert/strict';
import type { Footprint } from '../../../../lib/kube/application/footprint.ts';
import { pack } from '../../../../lib/kube/application/packed.ts';
import { NO_RECORD } from '../../../../lib/kube/application/record.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import { leftoversIn, orphansOf, sinceBefore } from '../../../../lib/kube/rollout/recover.ts';

const SILENT = { line: () => undefined, group: () => undefined, warn: () => undefined, progress: () => undefined };
const CONFIG_MAPS = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };

function configMap(name: string, value: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'prod' }, data: { value } };
}

function footprint(name: string, before: string | undefined, desired: string | undefined): Footprint {
  const object = (value: string | undefined): KubeObject | undefined =>
    value === undefined ? undefined : configMap(name, value);
  const ref = { resource: CONFIG_MAPS, namespace: 'prod', name };
  return { ref, before: object(before), desired: object(desired) };
}

describe('what a run finds that another has left', () => {
  const left = [footprint('settings', 'one', 'two'), footprint('extra', undefined, 'new')];
  const unfinished = { run: { name: 'shop 1', url: undefined }, since: '2026-11-25T18:00:00Z', footprints: pack(left) };
  const leftovers = leftoversIn({ ...NO_RECORD, unfinished }, SILENT);

  it('is nothing where every run has ended', () => {
    assert.equal(leftoversIn(NO_RECORD, SILENT).size, 0);
  });

  it('is put back to before that run, not to what that run had made of it', () => {
    assert.deepEqual(
      sinceBefore(leftovers, footprint('settings', 'two', 'three')),
      footprint('settings', 'one', 'three'),
    );
    assert.deepEqual(
      sinceBefore(leftovers, footprint('extra', 'new', 'newer')),
      footprint('extra', undefined, 'newer'),
    );
    assert.deepEqual(sinceBefore(leftovers, footprint('other', 'a', 'b')), footprint('other', 'a', 'b'));
  });

  it('is an orphan where this run does not write it', () => {
    const orphans = orphansOf(leftovers, [footprint('settings', 'two', 'three')]);
    assert.deepEqual(
      orphans.map(({ ref }) => ref.name),
      ['extra'],
    );
  });
});
