import assert from 'node:assert/strict';
import type { Footprint } from '../../../../lib/kube/application/footprint.ts';
import { keepingLineage } from '../../../../lib/kube/manifests/lineage.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import { isSameContent } from '../../../../lib/kube/rollout/content.ts';
import type { Step } from '../../../../lib/kube/rollout/plan.ts';
import { restarting } from '../../../../lib/kube/strategies/restart.ts';
import { temporaryStep } from '../../../../lib/kube/strategies/temporary.ts';
import { twinOf } from '../../../../lib/kube/strategies/twin.ts';
import { WEB, webDeployment } from './deployments.ts';

const AT = '2026-11-26T12:00:00.000Z';
const READER = webDeployment({ containers: [{ envFrom: [{ configMapRef: { name: 'settings' } }] }] });
const WEB_STEP: Step = { ...WEB, desired: READER, before: READER, preview: READER };
const TWIN = temporaryStep(twinOf(READER, { track: 'canary', replicas: 1, application: 'web', settings: [] }));

function settings(before: string, next: string): Step {
  const of = (value: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace: 'shop' },
    data: { value },
  });
  const resource = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
  const ref = { resource, namespace: 'shop', name: 'settings' };
  const title = 'ConfigMap/settings';
  return { ref, title, source: 'app.yml:2', desired: of(next), before: of(before), preview: of(next), judged: 'first' };
}

/** The annotations of the pods that a promotion makes. */
function notesAfter(config: Step, web: Step = WEB_STEP, staged: readonly Footprint[] = [TWIN]): object | undefined {
  const [promoted] = restarting([web, config], staged, AT);
  return (promoted?.desired as typeof READER).spec.template.metadata?.annotations;
}

describe('the promotion of a Deployment', () => {
  it('makes its pods anew where only settings that they read have changed', () => {
    assert.deepEqual(notesAfter(settings('old', 'new')), { note: 'kept', 'model-delivery.restarted': AT });
  });

  it('makes none anew that read no change, change by themselves, or were not tried', () => {
    assert.deepEqual(notesAfter(settings('old', 'old')), { note: 'kept' });
    const before = webDeployment({ ...READER.spec.template.spec, priority: 1 });
    assert.deepEqual(notesAfter(settings('old', 'new'), { ...WEB_STEP, before }), { note: 'kept' });
    assert.deepEqual(notesAfter(settings('old', 'new'), WEB_STEP, []), { note: 'kept' });
  });

  it('makes them anew once: the next run of the same content changes nothing', () => {
    const promoted = restarting([WEB_STEP, settings('old', 'new')], [TWIN], AT)[0]?.desired ?? READER;
    assert.deepEqual(keepingLineage(READER, promoted, READER, isSameContent), promoted);
  });
});
