import { createReadStream } from 'node:fs';
import { lstat, readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryError } from '../errors/delivery-error.ts';
import type { Entry } from '../packing/entry.ts';
import { checkRelativePath, targetPath } from '../packing/entry-path.ts';
import type { LayerFile } from '../packing/read-layer.ts';
import { ignoreRules, type IgnoreRules } from './docker-ignore.ts';

/**
 * Everything in a folder on this machine as entries of a layer: files with their right to execute, links as links,
 * empty folders too; without what its `.dockerignore` names.
 *
 * @param target folder of the image that it becomes, such as `/app`
 * @throws DeliveryError `APP_FOLDER_NOT_FOUND`, `APP_FOLDER_EMPTY`, `PATH_UNSAFE`, `TARGET_INVALID`
 */
export async function appEntries(folder: string, target: string): Promise<readonly Entry<LayerFile>[]> {
  await checkFolder(folder, 'APP_FOLDER_NOT_FOUND', 'app');
  const root = targetPath(target);
  const rules = ignoreRules(await readFile(join(folder, '.dockerignore'), 'utf8').catch(() => ''));
  const entries: Entry<LayerFile>[] = [];
  for await (const found of walk(folder, '', rules)) {
    const path = `${root}/${found.path}`;
    if (found.type === 'folder') entries.push({ type: 'folder', path });
    else if (found.type === 'symlink') entries.push({ type: 'symlink', path, linkTarget: found.linkTarget });
    else
      entries.push({
        type: 'file',
        path,
        size: found.file.size,
        executable: isExecutable(found.file),
        file: found.file,
      });
  }
  if (!entries.some(({ type }) => type === 'file')) {
    throw new DeliveryError('APP_FOLDER_EMPTY', {
      message: `The app folder ${folder} holds no file to put into the image.`,
      remedy: 'Check the path, and that .dockerignore does not leave out everything.',
    });
  }
  return entries;
}

/**
 * The files of a model in a folder on this machine, by paths relative to it. Links to files count as the files, as
 * download caches make them.
 *
 * @throws DeliveryError `MODEL_FOLDER_NOT_FOUND`, `MODEL_EMPTY`, `PATH_UNSAFE`
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

type Found =
  | { readonly type: 'file'; readonly path: string; readonly file: LayerFile }
  | { readonly type: 'folder'; readonly path: string }
  | { readonly type: 'symlink'; readonly path: string; readonly linkTarget: string };

async function* walk(root: string, below: string, rules: IgnoreRules): AsyncGenerator<Found> {
  for (const child of await readdir(join(root, below), { withFileTypes: true })) {
    const path = below === '' ? child.name : `${below}/${child.name}`;
    const stays = rules.leavesOut(path);
    if (child.isDirectory() && !rules.closes(path)) {
      if (!stays) yield { type: 'folder', path };
      yield* walk(root, path, rules);
    }
    if (stays || child.isDirectory()) continue;
    checkRelativePath(path);
    if (child.isSymbolicLink()) {
      yield { type: 'symlink', path, linkTarget: await readlink(join(root, path)) };
    } else if (child.isFile()) {
      const { size, mode } = await lstat(join(root, path));
      yield { type: 'file', path, file: localFile(root, path, size, mode) };
    } else {
      throw special(join(root, path));
    }
  }
}

async function linkedFile(root: string, path: string): Promise<LayerFile> {
  const found = await stat(join(root, path)).catch(() => undefined);
  if (found?.isFile() !== true) throw special(join(root, path));
  return localFile(root, path, found.size, found.mode);
}

function localFile(root: string, path: string, size: number, mode: number): LayerFile {
  return {
    path,
    size,
    mode,
    // Larger chunks than the default 64 KiB halve the time that hashing and sending spend between them.
    open: (offset, signal) =>
      Promise.resolve(createReadStream(join(root, path), { start: offset, signal, highWaterMark: 1024 * 1024 })),
  };
}

function isExecutable({ mode = 0 }: LayerFile): boolean {
  return (mode & 0o100) !== 0;
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
