// The pod behind an answer, as the cluster knows it.
import { readFile } from 'node:fs/promises';
import { KubeClient } from '../../lib/kube/client/kube-client.ts';
import { readKubeconfig } from '../../lib/kube/kubeconfig.ts';
import type { Pod } from '../../lib/kube/objects.ts';
import type { Services } from '../services/services.ts';

const PODS = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

/** The digest of the image that a pod really runs, `sha256:…`, as its node reports it. */
export async function imageDigestOf(
  pod: string,
  namespace: string,
  { cluster }: Pick<Services, 'cluster'>,
): Promise<string> {
  const client = new KubeClient(readKubeconfig(await readFile(cluster.kubeconfig, 'utf8')));
  try {
    const found = (await client.get({ resource: PODS, namespace, name: pod }, AbortSignal.timeout(5000))) as
      Pod | undefined;
    const imageId = found?.status?.containerStatuses?.[0]?.imageID ?? '';
    return /sha256:[0-9a-f]{64}$/.exec(imageId)?.[0] ?? `unknown (${imageId || 'the pod is gone'})`;
  } finally {
    await client.close();
  }
}
