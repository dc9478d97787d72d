import { brief } from '../client/api-error.ts';
import { conditionOf, isObserved, titleOf } from '../objects.ts';
import type { KubeObject } from '../objects.ts';
import { fatal, ready, waiting } from './verdict.ts';
import type { Surroundings, Symptom, Verdict } from './verdict.ts';
import { creationSymptoms, podSymptoms } from './workloads.ts';

export function assessPod(live: KubeObject, around: Surroundings): Verdict {
  const { phase = 'Pending' } = (live.status ?? {}) as { readonly phase?: string };
  if (conditionOf(live, 'Ready')?.status === 'True') return ready('ready');
  if (phase === 'Succeeded') return ready('completed');
  const symptoms = podSymptoms(live, around);
  return phase === 'Failed'
    ? waiting('failed', ...symptoms, failed(live, 'CONTAINER_CRASHED', 'has failed', 'Read its last lines in the log.'))
    : waiting(phase.toLowerCase(), ...symptoms);
}

interface JobParts {
  readonly spec: { readonly suspend?: boolean; readonly completions?: number };
  readonly status?: { readonly active?: number; readonly succeeded?: number; readonly failed?: number };
}

export function assessJob(live: KubeObject, around: Surroundings): Verdict {
  const { spec, status = {} } = live as KubeObject & JobParts;
  if (conditionOf(live, 'Complete')?.status === 'True') return ready('complete');
  if (spec.suspend === true) return ready('suspended', `${titleOf(live)} is suspended, so it does not run.`);
  const { active = 0, succeeded = 0, failed: failures = 0 } = status;
  const detail = `${active} running, ${succeeded} succeeded, ${failures} failed`;
  const over = conditionOf(live, 'Failed');
  if (over?.status === 'True') {
    const why = `has failed (${over.reason ?? 'Failed'}: ${brief(over.message ?? '')})`;
    return waiting(detail, failed(live, 'JOB_FAILED', why, 'Read the last lines of its pod in the log above.'));
  }
  return waiting(detail, ...podSymptoms(live, around, false), ...creationSymptoms(live, around));
}

/** Addresses under which a load balancer answers, as a Service or an Ingress shows them. */
export function balancerAddressesOf(object: KubeObject): readonly string[] {
  const { loadBalancer } = (object.status ?? {}) as {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
  };
  return (loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '').filter((one) => one !== '');
}

export function assessService(live: KubeObject, around: Surroundings): Verdict {
  const { type } = (live.spec ?? {}) as { readonly type?: string };
  if (type !== 'LoadBalancer') return ready('no address to wait for');
  const addresses = balancerAddressesOf(live);
  if (addresses.length > 0) return ready(addresses.join(', '));
  const event = around.events.findLast(
    ({ reason, involvedObject }) => reason === 'SyncLoadBalancerFailed' && involvedObject.uid === live.metadata.uid,
  );
  if (event === undefined) return waiting('waiting for the address of its load balancer');
  const why = `gets no load balancer: ${brief(event.message ?? '')}`;
  const remedy = 'Check the quota of public addresses, the annotations of the Service and the rights of the cluster.';
  const symptom = failed(live, 'LOAD_BALANCER_FAILED', why, remedy);
  // The cloud may only be slow; its controller tries again.
  return waiting('the load balancer could not be made yet', { ...symptom, graceMs: 90_000 });
}

/**
 * An Ingress that already had an address must keep one. For a new one nothing tells whether a controller will ever
 * write an address, so the caller stops waiting after {@link INGRESS_PATIENCE}.
 */
export function assessIngress(live: KubeObject, waitedMs: number): Verdict {
  const addresses = balancerAddressesOf(live);
  if (addresses.length > 0) return ready(addresses.join(', '));
  if (waitedMs < INGRESS_PATIENCE) return waiting('waiting for an address');
  return ready('no address', `${titleOf(live)} has no address after a minute: is an ingress controller installed?`);
}
const INGRESS_PATIENCE = 60_000;

export function assessVolumeClaim(live: KubeObject, around: Surroundings): Verdict {
  const { phase = 'Pending' } = (live.status ?? {}) as { readonly phase?: string };
  if (phase === 'Bound') return ready('bound');
  if (phase === 'Lost') {
    return waiting('lost', failed(live, 'OBJECT_FAILED', 'has lost its volume', 'Restore the volume or the claim.'));
  }
  const events = around.events.filter(({ involvedObject }) => involvedObject.uid === live.metadata.uid);
  if (events.some(({ reason }) => reason === 'WaitForFirstConsumer' || reason === 'WaitForPodScheduled')) {
    return ready('bound when its first pod starts');
  }
  const refused = events.findLast(({ reason }) => reason === 'ProvisioningFailed' || reason === 'FailedBinding');
  if (refused === undefined) return waiting('pending');
  const why = `cannot be bound: ${brief(refused.message ?? '')}`;
  const symptom = failed(live, 'OBJECT_FAILED', why, 'Correct its storageClassName, size or access modes.');
  return waiting('pending', { ...symptom, graceMs: 20_000 });
}

export function assessDefinition(live: KubeObject): Verdict {
  if (conditionOf(live, 'Established')?.status === 'True') return ready('established');
  const names = conditionOf(live, 'NamesAccepted');
  if (names?.status !== 'False') return waiting('not yet established');
  const why = `is not accepted: ${brief(names.message ?? '')}`;
  return waiting('names taken', failed(live, 'OBJECT_FAILED', why, 'Choose names that no other definition has.'));
}

export function assessNamespace(live: KubeObject): Verdict {
  const { phase = 'Active' } = (live.status ?? {}) as { readonly phase?: string };
  if (phase === 'Active') return ready('active');
  const remedy = 'Wait until it is gone, then run the task again.';
  return waiting('terminating', failed(live, 'OBJECT_FAILED', 'is being deleted', remedy));
}

/**
 * Any other kind, by what its status says in the usual way (the conditions that kstatus and operators agree on). A
 * kind without status, such as a ConfigMap, is ready once it is written.
 */
export function assessByConditions(live: KubeObject): Verdict {
  const { observedGeneration } = (live.status ?? {}) as { readonly observedGeneration?: number };
  if (observedGeneration !== undefined && !isObserved(live)) return waiting('not yet seen by its controller');
  const stalled = conditionOf(live, 'Stalled') ?? conditionOf(live, 'Failed');
  if (stalled?.status === 'True') {
    const why = `reports ${stalled.type}: ${brief(stalled.message ?? stalled.reason ?? '')}`;
    return waiting('stalled', failed(live, 'OBJECT_FAILED', why, 'Correct what it names.'));
  }
  if (conditionOf(live, 'Reconciling')?.status === 'True') return waiting('reconciling');
  const good = conditionOf(live, 'Ready') ?? conditionOf(live, 'Available');
  if (good === undefined) return ready('written');
  return good.status === 'True'
    ? ready(good.type.toLowerCase())
    : waiting(brief(good.message ?? good.reason ?? 'not ready'));
}

function failed(live: KubeObject, code: string, why: string, remedy: string): Symptom {
  return fatal(`failed/${titleOf(live)}`, code, `${titleOf(live)} ${why}.`, remedy);
}
