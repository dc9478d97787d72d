import { rmSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from './docker-cli.ts';

/** What docker signs in to a registry with. */
export type RegistryLogin = {
  /** Host of the registry, as it stands in image names. */
  readonly registry: string;
} & (
  | { readonly username: string; readonly password: string }
  /** A token that the registry takes as it is. */
  | { readonly registryToken: string }
);

/** A folder of one run that only its user can read (mode 0700) and that is gone afterwards. */
export interface PrivateFolder {
  readonly path: string;
  /** The environment in which docker takes its configuration from here. */
  readonly env: Environment;
}

/** What the user of a private folder has set up, and what is added to it. */
interface Setup {
  readonly logins: readonly RegistryLogin[];
  readonly env: Environment;
  /** Whose links to make, as `process.platform` names it. */
  readonly platform?: NodeJS.Platform;
}

/**
 * Makes a private folder for what docker must read from files, uses it, and removes it in every case, also where the
 * process is told to end meanwhile. Docker's configuration in it is the user's own with the logins added: they stay off
 * command lines, and what the user has set up (plugins, contexts, builders, proxies) is still there.
 *
 * @param parent an existing folder for temporary files
 */
export async function withPrivateFolder<Result>(
  parent: string,
  { logins, env, platform = process.platform }: Setup,
  use: (folder: PrivateFolder) => Promise<Result>,
): Promise<Result> {
  const path = await mkdtemp(join(parent, 'docker-'));
  // Nobody waits for promises when a process exits on its own.
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    const own = env.DOCKER_CONFIG ?? join(homedir(), '.docker');
    const config = join(path, 'config');
    await mirrorConfig(own, config, { logins, platform });
    return await use({ path, env: { DOCKER_CONFIG: config, BUILDX_CONFIG: env.BUILDX_CONFIG ?? join(own, 'buildx') } });
  } finally {
    process.removeListener('exit', remove);
    await rm(path, { recursive: true, force: true });
  }
}

/** Docker's configuration file, as far as logins are concerned; the rest is kept. */
interface ConfigFile {
  readonly auths?: Readonly<Record<string, unknown>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly [other: string]: unknown;
}

async function mirrorConfig(
  own: string,
  config: string,
  { logins, platform }: Required<Omit<Setup, 'env'>>,
): Promise<void> {
  await mkdir(config, { mode: 0o700 });
  for (const name of await readdir(own).catch(() => [])) {
    if (name !== 'config.json') await mirror(join(own, name), join(config, name), platform);
  }
  const merged = withLogins(await readConfig(join(own, 'config.json')), logins);
  await writeFile(join(config, 'config.json'), JSON.stringify(merged), { mode: 0o600 });
}

/** Windows lets only some users make links, and everybody junctions, which lead to folders alone; elsewhere those are links. */
async function mirror(source: string, target: string, platform: NodeJS.Platform): Promise<void> {
  if (platform === 'win32' && !(await stat(source)).isDirectory()) await copyFile(source, target);
  else await symlink(source, target, 'junction');
}

async function readConfig(file: string): Promise<ConfigFile> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return typeof value === 'object' && value !== null ? (value as ConfigFile) : {};
  } catch {
    // None, or one that docker itself would not read either.
    return {};
  }
}

/** A configuration with logins added. Exported for its test. */
export function withLogins(config: ConfigFile, logins: readonly RegistryLogin[]): ConfigFile {
  const added = logins.map((login): [string, object] => [
    // Docker Hub goes by its first address to this day.
    login.registry === 'docker.io' ? 'https://index.docker.io/v1/' : login.registry,
    'registryToken' in login
      ? { registrytoken: login.registryToken }
      : { auth: Buffer.from(`${login.username}:${login.password}`).toString('base64') },
  ]);
  return {
    ...config,
    auths: { ...config.auths, ...Object.fromEntries(added) },
    // A credential store of the user's would be asked instead; an empty name says: this file.
    credHelpers: { ...config.credHelpers, ...Object.fromEntries(added.map(([key]) => [key, ''])) },
  };
}
