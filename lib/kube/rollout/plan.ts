import { DeliveryError } from '../../errors/delivery-error.ts';
import type { Footprint } from '../application/footprint.ts';
import { ApiError, namespaceNotFound } from '../client/api-error.ts';
import type { Kinds } from '../client/discovery.ts';
import { explained } from '../client/kube-client.ts';
import type { KubeClient } from '../client/kube-client.ts';
import { NAMESPACES } from '../client/resource.ts';
import { withListKeys } from '../manifests/list-keys.ts';
import type { ManifestObject } from '../manifests/manifest-object.ts';
import { refuseRepeats } from '../manifests/order.ts';
import { titleOf } from '../objects.ts';
import type { KubeObject } from '../objects.ts';
import { snapshot } from './snapshot.ts';

/** One object that is to be written, and what is there before. */
export interface Step extends Footprint {
  /** `Deployment/digits`. */
  readonly title: string;
  readonly source: string;
  readonly desired: KubeObject;
  /**
   * When the server can judge it: before anything is written; once the namespaces and definitions of this run are
   * there; or only when it is written, because it leans on another object of this run.
   */
  readonly judged: 'first' | 'onGround' | 'whenWritten';
  /** The object as it would be, as the server's dry run answers it. */
  readonly preview?: KubeObject;
  /** It has to be deleted and made anew, because a field changes that cannot be changed. */
  readonly recreates?: boolean;
  /** Written with the number of replicas that it has at that moment, though the manifest names none. */
  readonly keepsReplicas?: boolean;
}

/**
 * Finds out where each manifest belongs and what is there now. Reads only.
 *
 * @param namespace the task's namespace; without it, each object's own, else `fallback`
 * @param kinds those of the manifests, as the cluster serves them
 * @throws DeliveryError `NAMESPACE_MISMATCH`, `NAMESPACE_NOT_FOUND`, `MANIFEST_INVALID`, and those of the connection
 */
export async function planRollout(
  client: KubeClient,
  manifests: readonly ManifestObject[],
  { namespace, fallback }: { readonly namespace: string | undefined; readonly fallback: string },
  kinds: Kinds,
  signal: AbortSignal,
): Promise<readonly Step[]> {
  try {
    const placed = manifests.map((manifest) => place(manifest, kinds, namespace, fallback));
    refuseRepeats(manifests, (manifest) => placed[manifests.indexOf(manifest)]?.ref.namespace ?? '');
    const defined = namesOf('Namespace', placed);
    const known = placed.filter(({ desired }) => !kinds.isNew(desired));
    const refs = known.map(({ ref }) => ref);
    // Both at once; that a namespace is missing says more than what that does to its objects.
    const [namespaces, found] = await Promise.allSettled([
      refuseMissingNamespaces(client, placed, defined, signal),
      snapshot(client, refs, signal),
    ]);
    if (namespaces.status === 'rejected') throw namespaces.reason;
    if (found.status === 'rejected') throw found.reason;
    const before = new Map(known.map((one, index) => [one, found.value[index]]));
    // What is there already lets the server judge whatever stands on it.
    const ground = groundOf(placed.filter((one) => before.get(one) === undefined));
    return placed.map((one) => ({
      ...one,
      before: before.get(one),
      judged: known.includes(one) ? judgedOf(one, ground) : 'onGround',
    }));
  } catch (error) {
    throw explained(error);
  }
}

type Placed = Pick<Step, 'ref' | 'title' | 'source' | 'desired'>;

/** Gives an object its place, by the rule of `kubectl --namespace`: a namespace of its own must be the same. */
function place(
  { object, source }: ManifestObject,
  kinds: Kinds,
  namespace: string | undefined,
  fallback: string,
): Placed {
  const resource = kinds.of(object);
  const { name, namespace: own } = object.metadata;
  const title = titleOf(object);
  if (!resource.namespaced) return { ref: { resource, namespace: undefined, name }, title, source, desired: object };
  if (namespace !== undefined && own !== undefined && own !== namespace) {
    throw new DeliveryError('NAMESPACE_MISMATCH', {
      message: `${source}: ${title} is for namespace "${own}", but the input namespace is "${namespace}".`,
      remedy:
        'Remove metadata.namespace from the manifest, or leave the input empty so that each object keeps its own.',
    });
  }
  const home = namespace ?? own ?? fallback;
  const desired = withListKeys({ ...object, metadata: { ...object.metadata, namespace: home } });
  return { ref: { resource, namespace: home, name }, title, source, desired };
}

/** What this run creates that others stand on. */
interface Ground {
  readonly namespaces: ReadonlySet<string>;
  readonly serviceAccounts: ReadonlySet<string>;
  /** Roles and ClusterRoles, by {@link roleOf}. */
  readonly roles: ReadonlySet<string>;
}

function groundOf(created: readonly Placed[]): Ground {
  return {
    namespaces: namesOf('Namespace', created),
    serviceAccounts: namesOf('ServiceAccount', created),
    roles: new Set(
      created
        .filter(({ ref }) => ref.resource.kind.endsWith('Role'))
        .map(({ ref }) => roleOf(ref.resource.kind, ref.name, ref.namespace)),
    ),
  };
}

function namesOf(kind: string, placed: readonly Placed[]): ReadonlySet<string> {
  return new Set(placed.filter(({ desired }) => desired.kind === kind).map(({ ref }) => ref.name));
}

function judgedOf({ ref, desired }: Placed, ground: Ground): Step['judged'] {
  const { serviceAccountName } = (desired.spec ?? {}) as { readonly serviceAccountName?: string };
  // A Pod, other than a workload that makes pods, is refused even in a dry run while its service account is missing.
  if (desired.kind === 'Pod' && ground.serviceAccounts.has(serviceAccountName ?? '')) return 'whenWritten';
  // Who may not bind roles freely has to have their rights, and for that the server looks the role up, also in a dry run.
  const { kind = '', name = '' } = (desired.roleRef ?? {}) as { readonly kind?: string; readonly name?: string };
  const isBinding = /^(Cluster)?RoleBinding$/.test(desired.kind);
  if (isBinding && ground.roles.has(roleOf(kind, name, ref.namespace))) return 'whenWritten';
  return ref.namespace !== undefined && ground.namespaces.has(ref.namespace) ? 'onGround' : 'first';
}

/** A role as a binding in a namespace names it: a ClusterRole has none. */
function roleOf(kind: string, name: string, namespace = ''): string {
  return kind === 'ClusterRole' ? `${kind}/${name}` : `${kind}/${namespace}/${name}`;
}

async function refuseMissingNamespaces(
  client: KubeClient,
  placed: readonly Placed[],
  made: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  const wanted = [...new Set(placed.flatMap(({ ref }) => ref.namespace ?? []))].filter((name) => !made.has(name));
  await Promise.all(
    wanted.map(async (name) => {
      const ref = { resource: NAMESPACES, namespace: undefined, name };
      try {
        if ((await client.get(ref, signal)) === undefined) throw namespaceNotFound(name);
      } catch (error) {
        // A role within the namespace need not show the namespace itself; the dry run will tell.
        if (!(error instanceof ApiError && error.isForbidden)) throw error;
      }
    }),
  );
}
