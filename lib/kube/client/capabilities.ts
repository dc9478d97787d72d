import type { ClusterAccess } from '../cluster-access.ts';
import { KubeClient } from './kube-client.ts';

/** What a cluster is and serves, as charts want to know it. */
export interface Capabilities {
  /** `1.30.3`. */
  readonly version: string;
  /** `apps/v1`, and all others that have a group. */
  readonly apiVersions: readonly string[];
}

interface GroupList {
  readonly groups: readonly { readonly versions: readonly { readonly groupVersion: string }[] }[];
}

/** Asks a cluster what it is. Throws the errors of the connection. */
export async function readCapabilities(access: ClusterAccess, signal: AbortSignal): Promise<Capabilities> {
  const client = new KubeClient(access);
  try {
    const [version, list] = await Promise.all([
      client.document<{ readonly gitVersion: string }>('/version', signal),
      client.document<GroupList>('/apis', signal),
    ]);
    const apiVersions = (list?.groups ?? []).flatMap(({ versions }) => versions.map((one) => one.groupVersion));
    // Whoever builds clusters adds words of their own: `v1.30.3-eks-036c24b`.
    const [number = ''] = /\d+\.\d+\.\d+/.exec(version?.gitVersion ?? '') ?? [];
    return { version: number, apiVersions };
  } finally {
    await client.close();
  }
}
