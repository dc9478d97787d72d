import { keptName } from '../application/application.ts';
import type { Application } from '../application/application.ts';
import type { Footprint } from '../application/footprint.ts';
import type { AccessRule, Denial, KubeClient, Right } from '../client/kube-client.ts';
import { rightsMissing } from '../client/kube-client.ts';
import { groupOf, LEASES, NAMESPACES, PODS, REPLICA_SETS, SECRETS } from '../client/resource.ts';
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
export function rightsToHold(application: Application): readonly Right[] {
  const { namespace } = application;
  const name = keptName(application);
  return [
    ...rights({ resource: LEASES, namespace, name }, ['get', 'create', 'update', 'delete']),
    ...rights({ resource: SECRETS, namespace, name }, ['get', 'create', 'patch', 'delete']),
  ];
}

/** The rights to make a namespace, to see it come up, and to remove it should the rollout fail. */
export function rightsToMakeNamespaces(): readonly Right[] {
  return rights({ resource: NAMESPACES, namespace: undefined }, ['get', 'list', 'watch', 'create', 'patch', 'delete']);
}

/**
 * The rights to write objects and to see how they do, as far as no request before the first write shows them.
 *
 * @param restores also those to put everything back
 */
export function rightsToWrite(intents: readonly Intent[], restores: boolean): readonly Right[] {
  return intents.flatMap((intent) => {
    const { ref } = intent;
    const { namespace } = ref;
    const around = namespace === undefined ? [] : [PODS, REPLICA_SETS].map((resource) => ({ resource, namespace }));
    const seen = [ref, ...around].flatMap((one) => rights(one, ['watch']));
    return [...seen, ...rights(ref, verbsToWrite(intent)), ...(restores ? rightsToPutBack(intent) : [])];
  });
}

/** The rights to write what stands beside the stable version, which no dry run has shown, and to take it away again. */
export function rightsToStage(intents: readonly Intent[]): readonly Right[] {
  return intents.flatMap((intent) => {
    const { ref, before } = intent;
    const verbs: Verbs = before === undefined ? ['create', 'patch'] : ['patch'];
    return [...rights(ref, ['watch', ...verbs]), ...rightsToPutBack(intent)];
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
  const kinds = new Map<string, readonly Right[]>();
  for (const right of wanted.filter((one) => !isTold(one)))
    kinds.set(keyOf(right), [...(kinds.get(keyOf(right)) ?? []), right]);
  const denials = new Map<string, readonly Denial[]>();
  await each([...kinds], AT_ONCE, async ([key, some]) => {
    denials.set(key, await denialsOf(client, some, signal));
  });
  return [...kinds.keys()].flatMap((key) => denials.get(key) ?? []);
}

/** Asks for one verb on all objects of a kind, and only where that is denied for it on each. */
async function denialsOf(
  client: KubeClient,
  [first, ...others]: readonly Right[],
  signal: AbortSignal,
): Promise<readonly Denial[]> {
  if (first === undefined) return [];
  const general = await client.denialOf({ ...first, name: undefined }, signal);
  if (general === undefined) return [];
  const denials: Denial[] = [];
  const names = new Set([first, ...others].map(({ name }) => name));
  await each([...names], AT_ONCE, async (name) => {
    const denial = name === undefined ? general : await client.denialOf({ ...first, name }, signal);
    if (denial !== undefined) denials.push(denial);
  });
  return denials;
}

function isAllowed({ verb, resource, name }: Right, rules: readonly AccessRule[]): boolean {
  const has = (listed: readonly string[], one: string): boolean => listed.includes(one) || listed.includes('*');
  return rules.some(
    ({ verbs, apiGroups = [], resources = [], resourceNames = [] }) =>
      (resourceNames.length === 0 || (name !== undefined && resourceNames.includes(name))) &&
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
type Place = Omit<Right, 'verb'>;

/** Rights on one object, or on all of a kind where none is named. What is to be created has no name before that. */
function rights({ resource, namespace, name }: Place, verbs: Verbs): readonly Right[] {
  return verbs.map((verb) => ({ verb, resource, namespace, name: verb === 'create' ? undefined : name }));
}

function verbsToWrite({ desired, recreates }: Intent): Verbs {
  if (desired === undefined) return ['delete'];
  return recreates === true ? ['get', 'delete', 'create'] : [];
}

function rightsToPutBack(intent: Intent): readonly Right[] {
  const { resource, namespace } = intent.ref;
  // A StatefulSet that is stuck is freed by removing its broken pods.
  const mayBeStuck = resource.kind === 'StatefulSet' && isChanged(intent);
  const stuck = mayBeStuck ? rights({ resource: PODS, namespace }, ['delete']) : [];
  return [...rights(intent.ref, verbsToPutBack(intent)), ...stuck];
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
