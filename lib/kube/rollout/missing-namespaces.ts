import { ApiError } from '../client/api-error.ts';
import { explained } from '../client/kube-client.ts';
import type { KubeClient } from '../client/kube-client.ts';
import { NAMESPACES } from '../client/resource.ts';
import type { ManifestObject } from '../manifests/manifest-object.ts';

/** Where a namespace comes from that no manifest defines, for messages. */
export const BY_INPUT = 'the input createNamespace';

/**
 * Namespaces that manifests are for and that neither the cluster nor the manifests have, as manifests of their own: applied
 * with the others, and removed again with them if the rollout fails. A namespace that is there is none of the rollout's.
 *
 * @param namespace the task's namespace; without it, each object's own, else `fallback`
 */
export async function missingNamespaces(
  client: KubeClient,
  manifests: readonly ManifestObject[],
  { namespace, fallback }: { readonly namespace: string | undefined; readonly fallback: string },
  signal: AbortSignal,
): Promise<readonly ManifestObject[]> {
  const objects = manifests.map(({ object }) => object);
  const defined = objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name);
  const inside = objects.filter(({ kind }) => kind !== 'Namespace');
  const wanted = namespace === undefined ? inside.map(({ metadata }) => metadata.namespace ?? fallback) : [namespace];
  const undefinedOnes = [...new Set(wanted)].filter((name) => !defined.includes(name));
  const missing = await Promise.all(
    undefinedOnes.map(async (name) => ((await isThere(client, name, signal)) ? [] : [name])),
  );
  return missing.flat().map((name) => ({
    object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    source: BY_INPUT,
  }));
}

/** Who may not read namespaces cannot make them either: then it has to be there. */
async function isThere(client: KubeClient, name: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await client.get({ resource: NAMESPACES, namespace: undefined, name }, signal)) !== undefined;
  } catch (error) {
    if (error instanceof ApiError && error.isForbidden) return true;
    throw explained(error);
  }
}
