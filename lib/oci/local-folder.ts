import { createReadStream, type Dirent } from 'node:fs';
import { lstat, open, readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryError } from '../errors/delivery-error.ts';
import { sourceUnreadable } from '../errors/source-unreadable.ts';
import { codeOf } from '../http/retry.ts';
import type { Entry } from '../packing/entry.ts';
import { checkRelativePath, targetPath } from '../packing/entry-path.ts';
import type { LayerFile } from '../packing/read-layer.ts';
import { ignoreRules, type IgnoreRules } from './docker-ignore.ts';

/**
 * Larger chunks than the default 64 KiB halve the time that hashing and sending spend between them. Never larger than
 * the file: 10,000 small ones would take four times as long.
 */
const CHUNK = 1024 * 1024;

/** How to take an app's folder. */
interface AppOptions {
  /** Path of a folder in it that goes elsewhere. */
  readonly without?: string | undefined;
  /** Whose files these are, as `process.platform` names it. */
  readonly platform?: NodeJS.Platform;
}

/**
 * Everything in a folder on this machine as entries of a layer: files with their right to execute, symbolic and hard
 * links as links, empty folders too; without what its `.dockerignore` names.
 *
 * @param target folder of the image that it becomes, such as `/app`
 * @throws DeliveryError `APP_FOLDER_NOT_FOUND`, `APP_FOLDER_EMPTY`, `PATH_UNSAFE`, `TARGET_INVALID`, `SOURCE_UNREADABLE`
 */
export async function appEntries(
  folder: string,
  target: string,
  { without, platform = process.platform }: AppOptions = {},
): Promise<readonly Entry<LayerFile>[]> {
  await checkFolder(folder, 'APP_FOLDER_NOT_FOUND', 'app');
  const root = targetPath(target);
  const own = ignoreRules(await ignoreFile(join(folder, '.dockerignore')));
  const rules: IgnoreRules = {
    leavesOut: (path) => path === without || own.leavesOut(path),
    closes: (path) => path === without || own.closes(path),
  };
  const found: Found[] = [];
  for await (const each of walk(folder, '', rules)) found.push(each);
  const firstNames = namesOfFirstLinks(found);
  const entryOf = async (each: Found): Promise<Entry<LayerFile>> => {
    const path = `${root}/${each.path}`;
    if (each.type === 'folder') return { type: 'folder', path };
    if (each.type === 'symlink') return { type: 'symlink', path, linkTarget: linkTargetOf(each, platform) };
    const { file } = each;
    const executable = await isExecutable(join(folder, each.path), each, platform);
    const first = each.inode === undefined ? each.path : (firstNames.get(each.inode) ?? each.path);
    if (first !== each.path) return { type: 'hardlink', path, linkTarget: `${root}/${first}`, executable };
    return { type: 'file', path, size: file.size, executable, file };
  };
  const entries: Entry<LayerFile>[] = [];
  for (const each of found) entries.push(await entryOf(each));
  if (!entries.some(({ type }) => type === 'file')) {
    throw new DeliveryError('APP_FOLDER_EMPTY', {
      message: `The app folder ${folder} holds no file to put into the image.`,
      remedy: 'Check the path, and that .dockerignore does not leave out everything.',
    });
  }
  return entries;
}

/**
 * The files in a folder on this machine, such as those of a model, by paths relative to it. Links to files count as the files, as
 * download caches make them.
 *
 * @throws DeliveryError `MODEL_FOLDER_NOT_FOUND`, `MODEL_EMPTY`, `PATH_UNSAFE`, `SOURCE_UNREADABLE`
 */
export async function modelFiles(folder: string): Promise<readonly LayerFile[]> {
  await checkFolder(folder, 'MODEL_FOLDER_NOT_FOUND', 'model');
  const files: LayerFile[] = [];
  for await (const found of walk(folder, '', EVERYTHING)) {
    if (found.type === 'file') files.push(found.file);
    if (found.type === 'symlink') files.push(await linkedFile(folder, found.path));
  }
  if (files.reduce((sum, { size }) => sum + size, 0) > 0) return files;
  throw new DeliveryError('MODEL_EMPTY', {
    message: `The model folder ${folder} holds no bytes.`,
    remedy: 'Check that the step that fetches the model ran, and that its path is the one given here.',
  });
}

/** A model is taken whole: leaving out a file would change its identity. */
const EVERYTHING: IgnoreRules = { leavesOut: () => false, closes: () => false };

interface FoundFile {
  readonly type: 'file';
  readonly path: string;
  readonly file: LayerFile;
  /** Permissions, of which only the owner's right to execute counts. */
  readonly mode: number;
  /** Tells the names of one file from those of others; undefined where the file has only this one. */
  readonly inode: string | undefined;
}

interface FoundLink {
  readonly type: 'symlink';
  readonly path: string;
  readonly linkTarget: string;
}

type Found = FoundFile | FoundLink | { readonly type: 'folder'; readonly path: string };

/** Of each file with several names, the one that sorts first: a layer holds the bytes under it. */
function namesOfFirstLinks(found: readonly Found[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const each of found) {
    if (each.type !== 'file' || each.inode === undefined) continue;
    const name = names.get(each.inode);
    if (name === undefined || Buffer.compare(Buffer.from(each.path), Buffer.from(name)) < 0) {
      names.set(each.inode, each.path);
    }
  }
  return names;
}

async function* walk(root: string, below: string, rules: IgnoreRules): AsyncGenerator<Found> {
  const folder = join(root, below);
  const children = await readdir(folder, { withFileTypes: true }).catch(thrower(folder));
  const named = children.map((child) => ({ child, path: below === '' ? child.name : `${below}/${child.name}` }));
  const staying = named.filter(({ child, path }) => !child.isDirectory() && !rules.leavesOut(path));
  yield* await Promise.all(staying.map(({ child, path }) => leafOf(root, path, child)));
  for (const { child, path } of named) {
    if (!child.isDirectory() || rules.closes(path)) continue;
    if (!rules.leavesOut(path)) {
      checkRelativePath(path);
      yield { type: 'folder', path };
    }
    yield* walk(root, path, rules);
  }
}

async function leafOf(root: string, path: string, child: Dirent): Promise<Found> {
  checkRelativePath(path);
  const location = join(root, path);
  if (child.isSymbolicLink()) {
    return { type: 'symlink', path, linkTarget: await readlink(location).catch(thrower(location)) };
  }
  if (!child.isFile()) throw special(location);
  // Some file systems number their files beyond what a double holds: two would look like one.
  const { size, mode, nlink, dev, ino } = await lstat(location, { bigint: true }).catch(thrower(location));
  const file = localFile(root, path, Number(size));
  return { type: 'file', path, file, mode: Number(mode), inode: nlink > 1n ? `${dev}:${ino}` : undefined };
}

async function linkedFile(root: string, path: string): Promise<LayerFile> {
  const found = await stat(join(root, path)).catch(() => undefined);
  if (found?.isFile() !== true) throw special(join(root, path));
  return localFile(root, path, found.size);
}

function localFile(root: string, path: string, size: number): LayerFile {
  return {
    path,
    size,
    open: (offset, signal) => Promise.resolve(contentOf(join(root, path), size, offset, signal)),
  };
}

async function* contentOf(
  location: string,
  size: number,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const highWaterMark = Math.min(CHUNK, Math.max(1, size));
  try {
    yield* createReadStream(location, { start, signal, highWaterMark }) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw sourceUnreadable(location, error);
  }
}

/** The rules in a `.dockerignore`. One that is there but cannot be read may keep secrets out, so it is not passed over. */
async function ignoreFile(location: string): Promise<string> {
  try {
    return await readFile(location, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw sourceUnreadable(location, error);
  }
}

/** Throws what a failed read of a place means to the user. */
function thrower(location: string): (error: unknown) => never {
  return (error) => {
    throw sourceUnreadable(location, error);
  };
}

/** Windows has no right to execute: there, what Linux could execute is known by its first bytes, a script or a program. */
async function isExecutable(location: string, { mode }: FoundFile, platform: NodeJS.Platform): Promise<boolean> {
  if (platform !== 'win32') return (mode & 0o100) !== 0;
  const file = await open(location).catch(thrower(location));
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4).catch(thrower(location));
    return /^(?:#!|\x7fELF)/.test(buffer.toString('latin1'));
  } finally {
    await file.close();
  }
}

function linkTargetOf({ linkTarget }: FoundLink, platform: NodeJS.Platform): string {
  return platform === 'win32' ? linkTarget.replaceAll('\\', '/') : linkTarget;
}

async function checkFolder(folder: string, code: string, what: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() === true) return;
  throw new DeliveryError(code, {
    message: `The ${what} folder ${folder} ${found === undefined ? 'does not exist' : 'is not a folder'}.`,
    remedy: 'Give the path of a folder on the agent, for instance below $(Build.SourcesDirectory).',
  });
}

function special(path: string): DeliveryError {
  return new DeliveryError('PATH_UNSAFE', {
    message: `${path} is neither a file nor a folder, nor a link to a file, and cannot go into an image.`,
    remedy: 'Remove it, or leave it out by .dockerignore.',
  });
}
