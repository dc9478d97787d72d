// The real parts that the project tries itself against: blob storage, S3, a registry, a Docker engine, Kubernetes.
import { rm } from 'node:fs/promises';
import { type BlobService, findBlob, startBlob, stopBlob } from './blob.ts';
import { type DockerEngine, findDocker, startDocker, stopDocker } from './docker-engine.ts';
import { type Cluster, findCluster, startCluster, stopCluster } from './kubernetes/cluster.ts';
import { unmountBelow } from './mounts.ts';
import { findRegistry, type Registry, startRegistry, stopRegistry } from './registry.ts';
import { findS3, type S3Service, startS3, stopS3 } from './s3.ts';
import { underSetupLock } from './setup-lock.ts';
import { type Progress, printedProgress } from './stages.ts';
import { statePath } from './state-folder.ts';

/** All that can be asked for, in the order in which it is set up. */
export const SERVICE_NAMES = ['blob', 's3', 'registry', 'docker', 'cluster'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** The services as their clients need them. */
export interface Services {
  readonly blob: BlobService;
  readonly s3: S3Service;
  readonly registry: Registry;
  readonly docker: DockerEngine;
  readonly cluster: Cluster;
}

/** What set-up knows about one service. */
interface Part<Service> {
  /** The service when it answers, whoever started it. */
  find(): Promise<Service | undefined>;
  /** Starts what does not answer. */
  start(progress: Progress): Promise<Service>;
  /** Stops what was started here; tells whether there was anything. */
  stop(): Promise<boolean>;
}

type Parts = { readonly [Name in ServiceName]: Part<Services[Name]> };

const PARTS: Parts = {
  blob: { find: findBlob, start: startBlob, stop: stopBlob },
  s3: { find: findS3, start: startS3, stop: stopS3 },
  registry: { find: findRegistry, start: startRegistry, stop: stopRegistry },
  docker: { find: findDocker, start: startDocker, stop: stopDocker },
  cluster: { find: findCluster, start: startCluster, stop: stopCluster },
};

/**
 * Makes sure that services run and answer; what runs already is used as it is, within half a second.
 * Throws a `DeliveryError` of a stage that fails, which says what to read and do.
 */
export async function ensureServices<const Name extends ServiceName>(
  names: readonly Name[],
  progress: Progress = printedProgress(),
): Promise<Pick<Services, Name>> {
  const found = await gather(names, async (name) => await PARTS[name].find());
  if (names.every((name) => found[name] !== undefined)) return found as Pick<Services, Name>;
  return await underSetupLock(progress, async () => {
    const started: Partial<Services> = {};
    for (const name of SERVICE_NAMES.filter((candidate) => names.some((wanted) => wanted === candidate))) {
      Object.assign(started, { [name]: await PARTS[name].start(progress) });
    }
    return started as Pick<Services, Name>;
  });
}

/** Stops what was started here, last started first, and tells about each. The cluster goes with the engine it runs in. */
export async function stopServices(
  names: readonly ServiceName[],
  onStopped: (name: ServiceName, wasRunning: boolean) => void,
): Promise<void> {
  await underSetupLock(printedProgress(), async () => {
    for (const name of lastStartedFirst(names)) onStopped(name, await PARTS[name].stop());
  });
}

/** Stops what was started here, and removes all that it held. */
export async function clearServices(
  names: readonly ServiceName[],
  onCleared: (name: ServiceName) => void,
): Promise<void> {
  await underSetupLock(printedProgress(), async () => {
    for (const name of lastStartedFirst(names)) {
      await PARTS[name].stop();
      // An engine that was killed leaves what it had mounted, and what is mounted cannot be removed.
      await unmountBelow(statePath(name));
      // What a service that would not end had started itself may write for a moment longer.
      await rm(statePath(name), { recursive: true, force: true, maxRetries: 5 });
      onCleared(name);
    }
  });
}

function lastStartedFirst(names: readonly ServiceName[]): readonly ServiceName[] {
  return SERVICE_NAMES.filter(
    (name) => names.includes(name) || (name === 'cluster' && names.includes('docker')),
  ).toReversed();
}

/** What each service gives, asked at once. */
async function gather<Name extends ServiceName, Answer>(
  names: readonly Name[],
  ask: (name: Name) => Promise<Answer>,
): Promise<Readonly<Record<Name, Answer>>> {
  const entries = await Promise.all(names.map(async (name) => [name, await ask(name)] as const));
  return Object.fromEntries(entries) as Record<Name, Answer>;
}
