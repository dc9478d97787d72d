// Container registry: CNCF distribution, the one behind most registries.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { findProgram } from './commands.ts';
import { ensureDebianPackages } from './debian-packages.ts';
import { answersAt, isRunning, keepRunning, stopKept, waitUntilReady } from './processes.ts';
import type { Progress } from './stages.ts';
import { statePath } from './state-folder.ts';

/** A running registry. */
export interface Registry {
  /** As it stands in image names, such as `127.0.0.1:5080`. */
  readonly host: string;
}

/** How a registry is to run. */
export interface RegistryOptions {
  /** Name of its process and log. */
  readonly name: string;
  readonly port: number;
  readonly folder: string;
  /** File in Apache's format (bcrypt); without it everybody may pull and push. */
  readonly htpasswd?: string;
}

const DEFAULT: RegistryOptions = {
  name: 'registry',
  port: Number(process.env.MODEL_DELIVERY_REGISTRY_PORT ?? 5080),
  folder: statePath('registry'),
};

/** Starts a registry unless one answers at its port already. */
export async function startRegistry(progress: Progress, options = DEFAULT): Promise<Registry> {
  if (!(await isRegistryUp(options))) {
    if (findProgram('docker-registry') === undefined) await ensureDebianPackages(['docker-registry'], progress);
    await progress.stage(`Starting the registry on 127.0.0.1:${options.port}`, async () => {
      const program = findProgram('docker-registry') ?? 'docker-registry';
      keepRunning({ name: options.name, command: program, args: ['serve', await writeConfiguration(options)] });
      await waitUntilReady(options.name, async () => await isRegistryUp(options), 15);
    });
  }
  return { host: `127.0.0.1:${options.port}` };
}

async function writeConfiguration({ port, folder, htpasswd }: RegistryOptions): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'config.yml');
  await writeFile(
    file,
    stringify({
      version: 0.1,
      log: { level: 'warn' },
      storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${port}` },
      ...(htpasswd === undefined ? {} : { auth: { htpasswd: { realm: 'registry', path: htpasswd } } }),
    }),
  );
  return file;
}

export async function isRegistryUp({ name, port, htpasswd } = DEFAULT): Promise<boolean> {
  // A registry that somebody else runs at our port serves as well; one with its own users must be ours.
  if (htpasswd !== undefined && !isRunning(name)) return false;
  return await answersAt(`http://127.0.0.1:${port}/v2/`, (status) => status === (htpasswd === undefined ? 200 : 401));
}

export async function stopRegistry(name = DEFAULT.name): Promise<boolean> {
  return await stopKept(name);
}
