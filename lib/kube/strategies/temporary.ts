import { DeliveryError } from '../../errors/delivery-error.ts';
import type { Footprint } from '../application/footprint.ts';
import type { KubeClient } from '../client/kube-client.ts';
import type { Resource } from '../client/resource.ts';
import { titleOf } from '../objects.ts';
import type { KubeObject } from '../objects.ts';
import type { Step } from '../rollout/plan.ts';
import { untilGone } from '../rollout/until-gone.ts';
import { DEPLOYMENTS } from './deployment.ts';
import { SERVICES } from './service.ts';
import { TEMPORARY } from './track.ts';

const CONFIG_MAPS: Resource = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
const SECRETS: Resource = { apiVersion: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };

/** Kinds that a strategy makes for the time of a rollout. */
const KINDS: Readonly<Record<string, Resource>> = {
  Deployment: DEPLOYMENTS,
  Service: SERVICES,
  ConfigMap: CONFIG_MAPS,
  Secret: SECRETS,
};

/** The step that writes an object which is there for the time of a rollout only, and whose undoing removes it. */
export function temporaryStep(object: KubeObject): Step {
  const { kind, metadata } = object;
  const resource = KINDS[kind];
  if (resource === undefined) throw new Error(`no strategy makes a ${kind}`);
  return {
    ref: { resource, namespace: metadata.namespace, name: metadata.name },
    title: titleOf(object),
    source: 'made for the time of the rollout',
    desired: object,
    before: undefined,
    judged: 'first',
  };
}

/** Whether something was made for the time of a rollout only. */
export function isTemporary({ before, desired }: Footprint): boolean {
  return before === undefined && desired?.metadata.labels?.[TEMPORARY] !== undefined;
}

/**
 * Makes sure that the names are free; takes away what an earlier run has left there. Its pods may end in the background: the
 * ones that are to come have another owner.
 *
 * @throws DeliveryError `NAME_TAKEN`
 */
export async function refuseTaken(client: KubeClient, steps: readonly Step[], signal: AbortSignal): Promise<void> {
  await Promise.all(
    steps.map(async ({ ref, title }) => {
      const live = await client.get(ref, signal);
      if (live === undefined) return;
      if (live.metadata.labels?.[TEMPORARY] !== undefined) {
        await client.remove(ref, live.metadata.uid, signal, 'Background');
        return untilGone(client, ref, live, signal);
      }
      throw new DeliveryError('NAME_TAKEN', {
        message: `The cluster has a ${title} already, which this rollout would need for its own time.`,
        remedy: `Rename or remove it (kubectl delete ${ref.resource.plural} ${ref.name}).`,
      });
    }),
  );
}
