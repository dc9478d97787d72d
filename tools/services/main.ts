// npm run services -- up|down|status [blob|registry|docker|cluster …]
import { DeliveryError, messageOf } from '../../lib/errors/delivery-error.ts';
import { isBlobUp, stopBlob } from './blob.ts';
import { findDocker, stopDocker } from './docker-engine.ts';
import { isClusterUp, stopCluster } from './kubernetes/cluster.ts';
import { isRegistryUp, stopRegistry } from './registry.ts';
import { ensureServices, SERVICE_NAMES, type ServiceName } from './services.ts';
import { HOME, statePath } from './state-folder.ts';

const USAGE = 'usage: npm run services -- up|down|status [blob|registry|docker|cluster …]';

const UP: Readonly<Record<ServiceName, () => Promise<boolean>>> = {
  blob: async () => await isBlobUp(),
  registry: async () => await isRegistryUp(),
  docker: async () => (await findDocker()) !== undefined,
  cluster: isClusterUp,
};
const STOP: Readonly<Record<ServiceName, () => Promise<boolean>>> = {
  blob: async () => await stopBlob(),
  registry: async () => await stopRegistry(),
  docker: stopDocker,
  cluster: stopCluster,
};

async function up(names: readonly ServiceName[]): Promise<void> {
  const { blob, registry, docker, cluster } = (await ensureServices(names)) as Partial<
    Awaited<ReturnType<typeof ensureServices<ServiceName>>>
  >;
  if (blob !== undefined) console.log(`blob      ${blob.endpoint}`);
  if (registry !== undefined) console.log(`registry  ${registry.host}`);
  if (docker !== undefined) console.log(`docker    ${docker.host}`);
  if (cluster !== undefined) console.log(`cluster   ${cluster.server} (kubeconfig ${cluster.kubeconfig})`);
}

async function down(names: readonly ServiceName[]): Promise<void> {
  // The cluster's pods live in the Docker engine, so the order is the other way round.
  for (const name of SERVICE_NAMES.filter((candidate) => names.includes(candidate)).reverse()) {
    console.log(`${name.padEnd(9)} ${(await STOP[name]()) ? 'stopped' : 'was not started here'}`);
  }
}

async function status(names: readonly ServiceName[]): Promise<void> {
  for (const name of names) console.log(`${name.padEnd(9)} ${(await UP[name]()) ? 'up' : 'down'}`);
  console.log(`\nlogs      ${statePath('logs')}\ncache     ${HOME}/cache`);
}

const ACTIONS = new Map(Object.entries({ up, down, status }));
const [action = '', ...words] = process.argv.slice(2);
const names = SERVICE_NAMES.filter((name) => words.length === 0 || words.includes(name));
const unknown = words.filter((word) => !SERVICE_NAMES.some((name) => name === word));
const act = ACTIONS.get(action);
if (act === undefined || unknown.length > 0) {
  console.error(unknown.length > 0 ? `Unknown service: ${unknown.join(', ')}.\n${USAGE}` : USAGE);
  process.exit(2);
}
try {
  await act(names);
} catch (error) {
  console.error(error instanceof DeliveryError ? `${error.code}: ${error.message} ${error.remedy}` : messageOf(error));
  process.exit(1);
}
