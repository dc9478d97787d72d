import { isDeepStrictEqual } from 'node:util';
import type { KubeClient, PodPort } from '../client/kube-client.ts';
import { defines } from '../manifests/definition.ts';
import type { KubeObject } from '../objects.ts';
import { isSameContent } from '../rollout/content.ts';
import type { Step } from '../rollout/plan.ts';
import { isDeployment, podLabelsOf } from './deployment.ts';
import type { Deployment } from './deployment.ts';
import { isService, reaches, SERVICES, targetOf } from './service.ts';
import type { Service } from './service.ts';
import { copyOf, isSettings, renamed, settingsNamedIn } from './settings.ts';
import type { Renamed } from './settings.ts';
import type { Track } from './track.ts';

/** One Deployment whose new version is to be tried beside the old one. */
export interface Contender {
  readonly step: Step;
  /** As it would be after the rollout. */
  readonly next: Deployment;
  /** Services that reach its pods now. */
  readonly services: readonly Service[];
  /** Where the new pods listen, as the Services will know it; undefined if that cannot be told. */
  readonly port: PodPort | undefined;
}

/** What is to be brought up beside the stable version before anything of that is touched. */
export interface StagePlan {
  readonly track: Track;
  readonly contenders: readonly Contender[];
  /** Changed ConfigMaps and Secrets that the new version reads: copies under other names. */
  readonly copies: readonly { readonly settings: Renamed; readonly copy: KubeObject }[];
  /** New objects that pods may stand on; nothing that is there can know of them yet. */
  readonly first: readonly Step[];
}

export interface StageOptions {
  readonly track: Track;
  readonly application: string;
}

/**
 * Finds out which Deployments change, or would with their settings, and are reached by a Service that is there. Reads only.
 *
 * @returns undefined if there is none, so that nothing can be tried: a first deployment, or one that changes nothing
 */
export async function planStage(
  client: KubeClient,
  steps: readonly Step[],
  { track, application }: StageOptions,
  signal: AbortSignal,
): Promise<StagePlan | undefined> {
  const previews = steps.flatMap((step) => {
    const { before, preview } = step;
    const isKnown = before !== undefined && preview !== undefined && (isDeployment(preview) || isSettings(preview));
    return isKnown ? [{ step, next: preview }] : [];
  });
  const changed = previews.filter(({ step, next }) => isSettings(next) && !isSame(step, next));
  const changedNames = new Set(changed.map(({ next }) => `${next.kind}/${next.metadata.name}`));
  const services = await servicesAround(client, steps, signal);
  const contenders = previews.flatMap(({ step, next }): readonly Contender[] => {
    if (!isDeployment(next) || !isChanged(step, next, changedNames)) return [];
    const own = services.filter(
      (service) => service.metadata.namespace === next.metadata.namespace && reaches(service, podLabelsOf(next)),
    );
    const ports = own.map((service) => targetOf(asWanted(service, steps), next));
    const port = ports.find((one) => one !== undefined);
    return own.length === 0 ? [] : [{ step, next, services: own, port }];
  });
  if (contenders.length === 0) return undefined;
  const read = new Set(contenders.flatMap(({ next }) => [...settingsNamedIn(next.spec.template.spec)]));
  const copies = changed
    .filter(({ next }) => read.has(`${next.kind}/${next.metadata.name}`))
    .map(({ next }) => {
      const settings = renamed(next, track);
      return { settings, copy: copyOf(next, settings, application) };
    });
  return { track, contenders, copies, first: standUnderPods(steps) };
}

/** A Service as it would be after the rollout; as it is, where it has no manifest. */
function asWanted(service: Service, steps: readonly Step[]): Service {
  const { name, namespace } = service.metadata;
  const own = steps.find(
    ({ ref, preview }) =>
      preview !== undefined && isService(preview) && ref.name === name && ref.namespace === namespace,
  )?.preview;
  return own !== undefined && isService(own) ? own : service;
}

function isSame({ before }: Step, next: KubeObject): boolean {
  return before !== undefined && isSameContent(before, next);
}

function isChanged({ before }: Step, next: Deployment, settings: ReadonlySet<string>): boolean {
  const { template } = next.spec;
  const old = before !== undefined && isDeployment(before) ? before.spec.template : undefined;
  return !isDeepStrictEqual(old, template) || [...settingsNamedIn(template.spec)].some((name) => settings.has(name));
}

async function servicesAround(
  client: KubeClient,
  steps: readonly Step[],
  signal: AbortSignal,
): Promise<readonly Service[]> {
  const namespaces = new Set(steps.filter(({ desired }) => isDeployment(desired)).map(({ ref }) => ref.namespace));
  const lists = await Promise.all([...namespaces].map((namespace) => client.list(SERVICES, namespace, {}, signal)));
  return lists.flatMap(({ items }) => items).filter(isService);
}

/**
 * What acts on pods that are there, or on requests to them: waits until the new version has proved itself. Whatever else is new
 * may be what its pods need to start, whoever has defined the kind.
 */
const ACTING = [
  ...['Ingress', 'HTTPRoute', 'GRPCRoute', 'VirtualService', 'DestinationRule', 'NetworkPolicy', 'AuthorizationPolicy'],
  ...['HorizontalPodAutoscaler', 'VerticalPodAutoscaler', 'ScaledObject', 'PodDisruptionBudget'],
  ...['ResourceQuota', 'LimitRange', 'DaemonSet', 'CronJob'],
  ...['APIService', 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'],
  ...['MutatingAdmissionPolicy', 'MutatingAdmissionPolicyBinding'],
  ...['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'],
];

/** New objects that pods may stand on. Those of a kind that this run only defines wait for that. */
function standUnderPods(steps: readonly Step[]): readonly Step[] {
  const created = steps.filter(({ before }) => before === undefined);
  const objects = created.map(({ desired }) => desired);
  return created.filter(
    ({ desired }) => !ACTING.includes(desired.kind) && !objects.some((one) => defines(one, desired)),
  );
}
