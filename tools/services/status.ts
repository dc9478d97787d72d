// What runs, as a table for people.
import { isRunning, pidOf } from './processes.ts';
import { findBlob } from './blob.ts';
import { findDocker } from './docker-engine.ts';
import { CLUSTER_PROCESSES, findCluster } from './kubernetes/cluster.ts';
import { findRegistry } from './registry.ts';
import { findS3 } from './s3.ts';
import type { ServiceName } from './services.ts';
import { HOME, logPath } from './state-folder.ts';

/** Where each service is, when it answers. */
const WHERE: Readonly<Record<ServiceName, () => Promise<string | undefined>>> = {
  blob: async () => (await findBlob())?.endpoint,
  s3: async () => (await findS3())?.endpoint,
  registry: async () => (await findRegistry())?.host,
  docker: async () => (await findDocker())?.host,
  cluster: async () => {
    const cluster = await findCluster();
    return cluster === undefined ? undefined : `${cluster.server} (kubeconfig ${cluster.kubeconfig})`;
  },
};

/** One row: a service, whether it answers, and where it is or what keeps it from answering. */
export interface Row {
  readonly name: string;
  readonly state: 'up' | 'down' | 'broken';
  readonly where: string;
  /** Who started it. */
  readonly from: string;
}

/** Looks at services without changing anything. */
export async function statusOf(names: readonly ServiceName[]): Promise<readonly Row[]> {
  return await Promise.all(names.map(rowOf));
}

async function rowOf(name: ServiceName): Promise<Row> {
  const processes = name === 'cluster' ? CLUSTER_PROCESSES : [name];
  const from = origin(processes);
  const where = await WHERE[name]();
  if (where !== undefined) return { name, state: 'up', where, from };
  const running = processes.filter(isRunning);
  if (running.length === 0) return { name, state: 'down', where: '', from: '' };
  const [ended] = processes.filter((process) => !isRunning(process));
  const trouble = ended === undefined ? 'does not answer' : `${ended} has ended`;
  return { name, state: 'broken', where: `${trouble}; read ${logPath(ended ?? running[0] ?? name)}`, from };
}

function origin(processes: readonly string[]): string {
  const pids = processes.flatMap((process) => pidOf(process) ?? []);
  if (pids.length === 0) return 'found, not started here';
  return pids.length === 1 ? `process ${pids.join()}` : `${pids.length} processes`;
}

/** The rows in columns, and where to look further. */
export function formatStatus(rows: readonly Row[]): string {
  const table = [{ name: 'service', state: 'state', where: 'where', from: 'started as' }, ...rows];
  const width = (column: 'name' | 'state' | 'where'): number => Math.max(...table.map((row) => row[column].length));
  const lines = table.map(({ name, state, where, from }) =>
    [name.padEnd(width('name')), state.padEnd(width('state')), where.padEnd(width('where')), from].join('  ').trimEnd(),
  );
  return [...lines, '', `logs in ${HOME}/state/logs, built programs in ${HOME}/cache`].join('\n');
}
