// Container registry: CNCF distribution, the one behind most registries.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { findProgram } from './commands.ts';
import { ensureDebianPackages } from './debian-packages.ts';
import { portOf, requireFree } from './ports.ts';
import { answersAt, isRunning, keepRunning, type Program, stopKept, waitUntilReady } from './processes.ts';
import type { Progress } from './stages.ts';
import { statePath } from './state-folder.ts';

/** A running registry. */
export interface Registry {
  /** As it stands in image names, such as `127.0.0.1:5080`. */
  readonly host: string;
}

/** How a registry is to run. */
export interface RegistrySettings {
  readonly port: number;
  readonly folder: string;
  /** File in Apache's format (bcrypt); without it everybody may pull and push. */
  readonly htpasswd?: string;
  /** Takes tokens of this service alone. */
  readonly tokens?: TokenAuth;
  /** Takes layers that are kept at https addresses instead of here; by default it refuses them all. */
  readonly foreignLayers?: boolean;
}

/** A token service, as a registry is told of it. */
export interface TokenAuth {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** Of the key that signs its tokens, as PEM. */
  readonly certificate: string;
}

const NAME = 'registry';
const PORT_VARIABLE = 'MODEL_DELIVERY_REGISTRY_PORT';

function port(): number {
  return portOf(PORT_VARIABLE, 5080);
}

/** Writes a registry's configuration and gives the program that serves it, installed where it is missing. */
export async function registryProgram(settings: RegistrySettings, progress: Progress): Promise<Program> {
  if (findProgram('docker-registry') === undefined) await ensureDebianPackages(['docker-registry'], progress);
  return { command: findProgram('docker-registry') ?? 'docker-registry', args: ['serve', await configure(settings)] };
}

async function configure({ port, folder, htpasswd, tokens, foreignLayers = false }: RegistrySettings): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'config.yml');
  const certificate = join(folder, 'tokens.pem');
  if (tokens !== undefined) await writeFile(certificate, tokens.certificate);
  await writeFile(
    file,
    stringify({
      version: 0.1,
      log: { level: 'warn' },
      storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${port}` },
      ...(foreignLayers ? { validation: { manifests: { urls: { allow: ['^https://'] } } } } : {}),
      ...(htpasswd === undefined ? {} : { auth: { htpasswd: { realm: 'registry', path: htpasswd } } }),
      ...(tokens === undefined
        ? {}
        : {
            auth: {
              token: {
                realm: tokens.realm,
                service: tokens.service,
                issuer: tokens.issuer,
                rootcertbundle: certificate,
              },
            },
          }),
    }),
  );
  return file;
}

/** Whether a registry answers at a port, and whether it wants to know who asks. */
export async function registryAnswers(at: number, { asksWho = false } = {}): Promise<boolean> {
  return await answersAt(`http://127.0.0.1:${at}/v2/`, (status) => status === (asksWho ? 401 : 200));
}

/** The registry at the usual port; one that somebody else runs there serves as well. */
export async function findRegistry(): Promise<Registry | undefined> {
  return (await registryAnswers(port())) ? { host: `127.0.0.1:${port()}` } : undefined;
}

/** Starts a registry unless one answers at its port already. */
export async function startRegistry(progress: Progress): Promise<Registry> {
  const found = await findRegistry();
  if (found !== undefined) return found;
  const at = port();
  if (!isRunning(NAME)) await requireFree(at, PORT_VARIABLE);
  const program = await registryProgram({ port: at, folder: statePath('registry') }, progress);
  await progress.stage(`Starting the registry on 127.0.0.1:${at}`, async () => {
    keepRunning({ name: NAME, ...program });
    await waitUntilReady(NAME, async () => await registryAnswers(at), 15);
  });
  return { host: `127.0.0.1:${at}` };
}

export async function stopRegistry(): Promise<boolean> {
  return await stopKept(NAME);
}
