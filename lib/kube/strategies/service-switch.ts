import type { KubeClient } from '../client/kube-client.ts';
import type { ObjectRef } from '../client/resource.ts';
import { titleOf } from '../objects.ts';
import type { KubeObject } from '../objects.ts';
import type { Step } from '../rollout/plan.ts';
import type { Labels } from './deployment.ts';
import { isOfChange } from './keeping-owners.ts';
import type { ManagedFields } from './keeping-owners.ts';
import { SERVICES } from './service.ts';
import type { Service } from './service.ts';

/** The step of a Service of which only the selector is changed for a while. */
export function selectorStep(before: Service, selector: Labels): Step {
  return {
    ref: refOf(before),
    title: titleOf(before),
    source: 'switched by the rollout',
    desired: { ...before, spec: { ...before.spec, selector } },
    before,
    judged: 'first',
  };
}

/** Sends the requests of a Service elsewhere, by one write: there is no moment at which it reaches nobody, or both. */
export async function setSelector(
  client: KubeClient,
  ref: ObjectRef,
  selector: Labels,
  signal: AbortSignal,
): Promise<void> {
  await client.patchJson(ref, [{ op: 'replace', path: '/spec/selector', value: selector }], signal);
  await disownSelector(client, ref, signal);
}

/**
 * Gives up the ownership that {@link setSelector} brought: left so, the next apply would conflict with this task itself.
 * A write that changes nothing but managedFields is taken as it stands.
 */
async function disownSelector(client: KubeClient, ref: ObjectRef, signal: AbortSignal): Promise<void> {
  const live = await client.get(ref, signal);
  const managers = (live?.metadata.managedFields ?? []) as readonly ManagedFields[];
  const kept = managers.filter((entry) => !isOfChange(entry, 'selector'));
  if (live === undefined || kept.length === managers.length) return;
  await client.patchJson(ref, [{ op: 'replace', path: '/metadata/managedFields', value: kept }], signal);
}

/** Where a Service sends its requests. */
export function selectorOf(service: KubeObject | undefined): Labels {
  return ((service?.spec ?? {}) as { readonly selector?: Labels }).selector ?? {};
}

export function refOf({ metadata: { name, namespace } }: Service): ObjectRef {
  return { resource: SERVICES, namespace, name };
}
