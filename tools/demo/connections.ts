import { readFile } from 'node:fs/promises';
import type { Connection } from '../agent/endpoint-environment.ts';
import type { Services } from '../services/services.ts';

/** The service connections that the example's pipelines name, pointing to the local services. */
export async function connectionsTo({
  registry,
  cluster,
}: Pick<Services, 'registry' | 'cluster'>): Promise<readonly Connection[]> {
  return [
    {
      name: 'digits-registry',
      type: 'dockerregistry',
      url: `http://${registry.host}`,
      // The local registry lets everybody in; a connection has a user all the same.
      authorization: {
        scheme: 'UsernamePassword',
        parameters: { registry: `http://${registry.host}`, username: 'demo', password: 'demo-password' },
      },
    },
    {
      name: 'digits-cluster',
      type: 'kubernetes',
      url: cluster.server,
      authorization: {
        scheme: 'Kubernetes',
        parameters: { kubeconfig: await readFile(cluster.kubeconfig, 'utf8') },
      },
      data: { authorizationType: 'Kubeconfig' },
    },
  ];
}
