import assert from 'node:assert/strict';
import sinon from 'sinon';
import { ApiError } from '../../../../lib/kube/client/api-error.ts';
import type { KubeClient } from '../../../../lib/kube/client/kube-client.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import type { Step } from '../../../../lib/kube/rollout/plan.ts';
import { dryRun, write } from '../../../../lib/kube/rollout/write.ts';

const OPTIONS = { force: false, recreate: false, signal: new AbortController().signal };
const SILENT = { line: () => undefined, group: () => undefined, warn: () => undefined, progress: () => undefined };
const RESOURCE = { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments', namespaced: true };

function deployment(replicas: number | undefined, managers: readonly object[] = []): KubeObject {
  const metadata = { name: 'web', namespace: 'shop', managedFields: managers };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas } };
}

/** An entry of managedFields that has the number of replicas. */
function owner(manager: string, operation: string): object {
  return { manager, operation, fieldsV1: { 'f:spec': { 'f:replicas': {} } } };
}

/**
 * Writes a manifest that names no replicas, and gives the number that was sent.
 *
 * @param sizes before the run, in its dry run, and at the moment of the write
 */
async function written(managers: readonly object[], sizes: readonly [number, number, number]): Promise<unknown> {
  const [before, previewed, now] = sizes;
  const sent: KubeObject[] = [];
  const client = {
    apply: (_: unknown, object: KubeObject, { dryRun: isTrial }: { readonly dryRun: boolean }) => {
      if (!isTrial) sent.push(object);
      return Promise.resolve(deployment(previewed, managers));
    },
    get: () => Promise.resolve(deployment(now, managers)),
  } as unknown as KubeClient;
  const step: Step = {
    title: 'Deployment/web',
    source: 'app.yml',
    judged: 'first',
    ref: { resource: RESOURCE, namespace: 'shop', name: 'web' },
    desired: deployment(undefined),
    before: deployment(before, managers),
  };
  const steps = await dryRun(client, [step], OPTIONS, SILENT);
  assert.deepEqual(
    (steps[0]?.preview?.spec as { readonly replicas?: number }).replicas,
    sizes[1] === 1 ? before : previewed,
  );
  await write(client, steps, OPTIONS, { begun: () => undefined, written: () => undefined });
  return (sent[0]?.spec as { readonly replicas?: number }).replicas;
}

describe('judging an object', () => {
  it('of a kind that this run has just defined waits until that is served', async () => {
    const missing = new ApiError(404, { reason: 'NotFound' }, { verb: 'patch', resource: 'toys.shop.io' });
    const apply = sinon.stub().onFirstCall().rejects(missing).resolves(deployment(2));
    const step: Step = {
      title: 'Deployment/web',
      source: 'app.yml',
      judged: 'onGround',
      before: undefined,
      ref: { resource: RESOURCE, namespace: 'shop', name: 'web' },
      desired: deployment(2),
    };
    const client = { apply } as unknown as KubeClient;
    const [accepted] = await dryRun(client, [step], OPTIONS, SILENT);
    assert.deepEqual(accepted?.preview, deployment(2));
    const early = { ...step, judged: 'first' as const };
    apply.onThirdCall().rejects(missing);
    await assert.rejects(dryRun(client, [early], OPTIONS, SILENT), { code: 'APPLY_REFUSED' });
  });
});

describe('writing a manifest that names no replicas', () => {
  it('leaves a number alone that others have written, also where it changes meanwhile', async () => {
    assert.equal(await written([owner('kube-controller-manager', 'Update')], [6, 6, 6]), undefined);
    assert.equal(await written([owner('kube-controller-manager', 'Update')], [6, 4, 4]), undefined);
  });

  it('keeps the number that there is when it is written, where to leave it out would reset one of our own', async () => {
    assert.equal(await written([owner('model-delivery', 'Apply')], [6, 1, 6]), 6);
    assert.equal(await written([owner('model-delivery', 'Apply')], [2, 1, 6]), 6);
  });
});
