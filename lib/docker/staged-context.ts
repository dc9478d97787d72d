import { copyFile, link, mkdir, readdir, readlink, realpath, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryError } from '../errors/delivery-error.ts';
import { diskFull, isDiskFull } from '../errors/disk-full.ts';
import { sourceUnreadable } from '../errors/source-unreadable.ts';

/** Folder of the build context that a model from elsewhere is put into. */
export const MODEL_FOLDER = 'model';

/**
 * Makes a build context that holds the app's context and, in its folder `model`, the model. Both stay where they are:
 * files are linked, so nothing is copied where the folders are on one disk.
 *
 * @param staged the folder to make
 * @throws DeliveryError `MODEL_FOLDER_TAKEN`, `DISK_FULL`, `SOURCE_UNREADABLE`
 */
export async function stageContext(context: string, model: string, staged: string, signal: AbortSignal): Promise<void> {
  if ((await readdir(context)).includes(MODEL_FOLDER)) {
    throw new DeliveryError('MODEL_FOLDER_TAKEN', {
      message: `The build context ${context} has a ${MODEL_FOLDER} of its own, so the model of ${model} cannot be put there.`,
      remedy: 'Rename it, or fetch the model to a folder of the build context and give that as modelFolder.',
    });
  }
  try {
    await linkTree(context, staged, { followLinks: false, signal });
    // Download caches make a model's files links to a store elsewhere, where the build could not follow them.
    await linkTree(model, join(staged, MODEL_FOLDER), { followLinks: true, signal });
  } catch (error) {
    if (isDiskFull(error)) throw diskFull(staged, 'the build context with the model', error);
    throw sourceUnreadable((error as NodeJS.ErrnoException).path ?? context, error);
  }
}

interface LinkOptions {
  readonly followLinks: boolean;
  readonly signal: AbortSignal;
}

async function linkTree(from: string, to: string, options: LinkOptions): Promise<void> {
  await mkdir(to);
  for (const child of await readdir(from, { withFileTypes: true })) {
    options.signal.throwIfAborted();
    const [source, target] = [join(from, child.name), join(to, child.name)];
    if (child.isDirectory()) await linkTree(source, target, options);
    else if (child.isFile()) await linkFile(source, target);
    else if (child.isSymbolicLink())
      await (options.followLinks ? linkFollowed(source, target) : relink(source, target));
  }
}

async function linkFollowed(source: string, target: string): Promise<void> {
  if ((await stat(source)).isFile()) await linkFile(await realpath(source), target);
}

async function relink(source: string, target: string): Promise<void> {
  await symlink(await readlink(source), target);
}

/** Another disk cannot be linked to, nor can another user's file everywhere. */
async function linkFile(source: string, target: string): Promise<void> {
  await link(source, target).catch(() => copyFile(source, target));
}
