// Where the tools keep what they build (cache) and what they run (state), outside the work tree.
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** Root of everything the tools keep on this machine; `MODEL_DELIVERY_HOME` moves it. */
export const HOME = resolve(process.env.MODEL_DELIVERY_HOME ?? join(homedir(), '.model-delivery'));

/** A path below the cache: built once, kept by `down`, safe to delete. */
export function cachePath(...names: readonly string[]): string {
  return join(HOME, 'cache', ...names);
}

/** A path below the state: processes, data and logs of what runs now. */
export function statePath(...names: readonly string[]): string {
  return join(HOME, 'state', ...names);
}

/** Where a part writes its log. */
export function logPath(part: string): string {
  return statePath('logs', `${part}.log`);
}

export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * A folder of the cache, made on first use. It appears whole or not at all: `make` fills a sibling that is renamed
 * at the end, so an interrupted build is never taken for a finished one. To be called under the set-up lock.
 *
 * @param key names the content and its version; a change of recipe needs a new key
 */
export async function cachedFolder(key: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = cachePath(key);
  if (await exists(folder)) return folder;
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  try {
    await make(unfinished);
    await mkdir(dirname(folder), { recursive: true });
    await rename(unfinished, folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}
