// Clusters that are there already.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Agent, request } from 'undici';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import type { ClusterAccess } from '../../../lib/kube/cluster-access.ts';
import { readKubeconfig } from '../../../lib/kube/kubeconfig.ts';
import { ask, findProgram } from '../commands.ts';
import { statePath } from '../state-folder.ts';
import type { Cluster } from './cluster.ts';

/** The variable that names the kubeconfig of a cluster to use. */
export const NAMED_BY = 'MODEL_DELIVERY_KUBECONFIG';

/** The cluster of the kubeconfig that the variable names, when it answers. Throws `KUBECONFIG_NOT_FOUND`. */
export async function findNamedCluster(): Promise<Cluster | undefined> {
  const kubeconfig = process.env[NAMED_BY] ?? '';
  const text = await readFile(kubeconfig, 'utf8').catch((cause: unknown) => {
    throw new DeliveryError('KUBECONFIG_NOT_FOUND', {
      message: `${NAMED_BY} names ${kubeconfig}, which cannot be read.`,
      remedy: 'Correct the path, or unset the variable to have a cluster set up here.',
      cause,
    });
  });
  return await whenItAnswers(kubeconfig, readKubeconfig(text));
}

/** A cluster that kind runs: ours by its name, or the only one there is. */
export async function findKindCluster(): Promise<Cluster | undefined> {
  if (findProgram('kind') === undefined) return undefined;
  const name = chooseCluster(((await ask('kind', ['get', 'clusters'])) ?? '').split('\n'));
  const text = name === undefined ? undefined : await ask('kind', ['get', 'kubeconfig', '--name', name]);
  if (text === undefined) return undefined;
  const kubeconfig = statePath('cluster', 'kind.kubeconfig');
  await mkdir(dirname(kubeconfig), { recursive: true });
  await writeFile(kubeconfig, text, { mode: 0o600 });
  return await whenItAnswers(kubeconfig, readKubeconfig(text));
}

/** Of several clusters nobody's but ours may be used. */
export function chooseCluster(names: readonly string[]): string | undefined {
  const given = names.map((name) => name.trim()).filter((name) => name !== '');
  return given.find((name) => name === 'model-delivery') ?? (given.length === 1 ? given[0] : undefined);
}

async function whenItAnswers(kubeconfig: string, access: ClusterAccess): Promise<Cluster | undefined> {
  const { ca, credential, insecureSkipTlsVerify, server } = access;
  const tls = { ...(ca === undefined ? {} : { ca }), ...credential.certificate };
  const dispatcher = new Agent({ connect: { ...tls, rejectUnauthorized: !insecureSkipTlsVerify } });
  try {
    // Any answer will do: whether the credentials suffice is for the work itself to find out.
    await request(new URL('/version', server), { dispatcher, signal: AbortSignal.timeout(2000) });
    return { kubeconfig, server };
  } catch {
    return undefined;
  } finally {
    await dispatcher.destroy();
  }
}
