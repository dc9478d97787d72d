// The real parts that the project tries itself against: blob storage, a registry, a Docker engine, Kubernetes.
import { type BlobService, startBlob } from './blob.ts';
import { type DockerEngine, startDocker } from './docker-engine.ts';
import { type Cluster, startCluster } from './kubernetes/cluster.ts';
import { type Registry, startRegistry } from './registry.ts';
import { underSetupLock } from './setup-lock.ts';
import { type Progress, printedProgress } from './stages.ts';

/** All that can be asked for, in the order in which it is set up. */
export const SERVICE_NAMES = ['blob', 'registry', 'docker', 'cluster'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** The services as their clients need them. */
export interface Services {
  readonly blob: BlobService;
  readonly registry: Registry;
  readonly docker: DockerEngine;
  readonly cluster: Cluster;
}

type Starters = { readonly [Name in ServiceName]: (progress: Progress) => Promise<Services[Name]> };

const START: Starters = { blob: startBlob, registry: startRegistry, docker: startDocker, cluster: startCluster };

/**
 * Makes sure that services run and answer; what runs already is used as it is, within half a second.
 * Throws a `DeliveryError` of a stage that fails, which says what to read and do.
 */
export async function ensureServices<const Name extends ServiceName>(
  names: readonly Name[],
  progress: Progress = printedProgress(),
): Promise<Pick<Services, Name>> {
  return await underSetupLock(async () => {
    const entries: (readonly [string, Services[ServiceName]])[] = [];
    for (const name of SERVICE_NAMES.filter((candidate) => names.some((wanted) => wanted === candidate))) {
      entries.push([name, await START[name](progress)]);
    }
    // Object.fromEntries forgets which value belongs to which key; the loop above keeps them together.
    return Object.fromEntries(entries) as unknown as Pick<Services, Name>;
  });
}
