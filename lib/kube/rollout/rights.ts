import type { Application } from '../application/application.ts';
import type { Footprint } from '../application/footprint.ts';
import type { AccessRule, Denial, KubeClient, Right } from '../client/kube-client.ts';
import { rightsMissing } from '../client/kube-client.ts';
import { groupOf, LEASES, NAMESPACES, PODS, REPLICA_SETS, SECRETS } from '../client/resource.ts';
import type { Resource } from '../client/resource.ts';
import type { KubeObject } from '../objects.ts';
import { isSameContent } from './content.ts';
import { each } from './each.ts';

/** So many questions at once. */
const AT_ONCE = 25;

/** An object that a run will write or remove. */
export interface Intent extends Footprint {
  /** The object as it would be, where the server's dry run has told. */
  readonly preview?: KubeObject;
  readonly recreates?: boolean;
}

/** The rights to hold an application and to keep what is known of it. */
export function rightsToHold({ namespace }: Pick<Application, 'namespace'>): readonly Right[] {
  return [
    ...rights(LEASES, namespace, ['get', 'create', 'update', 'delete']),
    ...rights(SECRETS, namespace, ['get', 'create', 'patch', 'delete']),
  ];
}

/** The rights to make a namespace, to see it come up, and to remove it should the rollout fail. */
export function rightsToMakeNamespaces(): readonly Right[] {
  return rights(NAMESPACES, undefined, ['get', 'list', 'watch', 'create', 'patch', 'delete']);
}

/**
 * The rights to write objects and to see how they do, as far as no request before the first write shows them.
 *
 * @param restores also those to put everything back
 */
export function rightsToWrite(intents: readonly Intent[], restores: boolean): readonly Right[] {
  return intents.flatMap((intent) => {
    const { resource, namespace } = intent.ref;
    const around = namespace === undefined ? [] : [PODS, REPLICA_SETS];
    const seen = [resource, ...around].flatMap((one) => rights(one, namespace, ['watch']));
    const back = restores ? rightsToPutBack(intent) : [];
    return [...seen, ...rights(resource, namespace, verbsToWrite(intent)), ...back];
  });
}

/** The rights to write what stands beside the stable version, which no dry run has shown, and to take it away again. */
export function rightsToStage(intents: readonly Intent[]): readonly Right[] {
  return intents.flatMap((intent) => {
    const { ref, before } = intent;
    const verbs: Verbs = before === undefined ? ['create', 'patch'] : ['patch'];
    return [...rights(ref.resource, ref.namespace, ['watch', ...verbs]), ...rightsToPutBack(intent)];
  });
}

/**
 * Which of some rights the account does not have. One question for each namespace mostly answers all; what no rule tells is
 * asked for by itself.
 */
export async function missingRights(
  client: KubeClient,
  wanted: readonly Right[],
  signal: AbortSignal,
): Promise<readonly Denial[]> {
  const namespaces = [...new Set(wanted.flatMap(({ namespace }) => namespace ?? []))];
  const rules = new Map<string, readonly AccessRule[]>();
  await each(namespaces, AT_ONCE, async (namespace) => {
    rules.set(namespace, await client.rulesIn(namespace, signal));
  });
  // The rules of a namespace tell nothing of what is outside of all.
  const isTold = (right: Right): boolean => isAllowed(right, rules.get(right.namespace ?? '') ?? []);
  const untold = new Map(wanted.filter((right) => !isTold(right)).map((right) => [keyOf(right), right]));
  const denials = new Map<string, Denial>();
  await each([...untold], AT_ONCE, async ([key, right]) => {
    const denial = await client.denialOf(right, signal);
    if (denial !== undefined) denials.set(key, denial);
  });
  return [...untold.keys()].flatMap((key) => denials.get(key) ?? []);
}

function isAllowed({ verb, resource }: Right, rules: readonly AccessRule[]): boolean {
  const has = (listed: readonly string[], one: string): boolean => listed.includes(one) || listed.includes('*');
  return rules.some(
    ({ verbs, apiGroups = [], resources = [], resourceNames = [] }) =>
      resourceNames.length === 0 &&
      has(verbs, verb) &&
      has(apiGroups, groupOf(resource.apiVersion)) &&
      has(resources, resource.plural),
  );
}

/**
 * Makes sure, before anything is written, that no right is missing half-way.
 *
 * @throws DeliveryError `CLUSTER_FORBIDDEN`, which names all that are missing
 */
export async function refuseMissingRights(
  client: KubeClient,
  wanted: readonly Right[],
  signal: AbortSignal,
): Promise<void> {
  const missing = await missingRights(client, wanted, signal);
  if (missing.length > 0) throw rightsMissing(missing);
}

type Verbs = readonly Right['verb'][];

function rights(resource: Resource, namespace: string | undefined, verbs: Verbs): readonly Right[] {
  return verbs.map((verb) => ({ verb, resource, namespace }));
}

function verbsToWrite({ desired, recreates }: Intent): Verbs {
  if (desired === undefined) return ['delete'];
  return recreates === true ? ['get', 'delete', 'create'] : [];
}

function rightsToPutBack(intent: Intent): readonly Right[] {
  const { resource, namespace } = intent.ref;
  // A StatefulSet that is stuck is freed by removing its broken pods.
  const stuck = resource.kind === 'StatefulSet' && isChanged(intent) ? rights(PODS, namespace, ['delete']) : [];
  return [...rights(resource, namespace, verbsToPutBack(intent)), ...stuck];
}

function verbsToPutBack(intent: Intent): Verbs {
  const { before, desired, recreates } = intent;
  if (before === undefined) return ['get', 'delete'];
  if (desired === undefined) return ['get', 'create', 'patch'];
  if (recreates === true) return ['get', 'create', 'delete'];
  return isChanged(intent) ? ['get', 'update'] : [];
}

function isChanged({ before, preview }: Intent): boolean {
  return before !== undefined && (preview === undefined || !isSameContent(before, preview));
}

function keyOf({ verb, resource, namespace = '' }: Right): string {
  return [verb, resource.apiVersion, resource.plural, namespace].join(' ');
}
