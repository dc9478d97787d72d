import { readFile } from 'node:fs/promises';
import { ApiError } from '../../lib/kube/client/api-error.ts';
import { KubeClient } from '../../lib/kube/client/kube-client.ts';
import { readKubeconfig } from '../../lib/kube/kubeconfig.ts';
import type { Services } from '../services/services.ts';

/** Name of the namespace, as the example's pipelines have it. */
export const NAMESPACE = 'digits';

const NAMESPACES = { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };

/** Makes the namespace that a team would have been given once. */
export async function prepareNamespace({ cluster }: Pick<Services, 'cluster'>): Promise<void> {
  const client = new KubeClient(readKubeconfig(await readFile(cluster.kubeconfig, 'utf8')));
  const ref = { resource: NAMESPACES, namespace: undefined, name: NAMESPACE };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
  try {
    await client.create(ref, namespace, AbortSignal.timeout(10_000));
  } catch (error) {
    const isThere = error instanceof ApiError && error.status === 409;
    if (!isThere) throw error;
  } finally {
    await client.close();
  }
}
