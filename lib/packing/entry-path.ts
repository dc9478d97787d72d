import { DeliveryError } from '../errors/delivery-error.ts';

// Folders in which a layer must not put things: the kernel's own, and those that are links in today's distributions
// (`/lib` → `/usr/lib`), which an explicit folder would replace and so break the image.
const CLOSED = /^(?:proc|sys|dev|bin|sbin|lib|lib32|lib64|libx32|var\/run|var\/lock)(?:\/|$)/;

/**
 * Refuses a path that would not land inside the target folder, or that means something else inside a layer.
 *
 * @throws DeliveryError `PATH_UNSAFE`
 */
export function checkRelativePath(path: string): void {
  const problem = problemOf(path);
  if (problem === undefined) return;
  throw new DeliveryError('PATH_UNSAFE', {
    message: `The file ${JSON.stringify(path)} cannot go into an image: ${problem}.`,
    remedy: 'Rename or leave out that file.',
  });
}

function problemOf(path: string): string | undefined {
  if (path === '') return 'its name is empty';
  if (path.includes('\0')) return 'its name holds a NUL character';
  if (path.includes('\\')) return 'its name holds a backslash';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'its path is absolute';
  if (Buffer.from(path).toString() !== path) return 'its name is not valid Unicode';
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    return 'its path holds an empty, "." or ".." part';
  // OCI image specification, "Whiteouts": such a name deletes files of the layers below.
  if (parts.some((part) => part.startsWith('.wh.'))) return 'names that start with .wh. delete files in an image';
  return undefined;
}

/**
 * A target folder such as `/model`, as the relative path that a layer names it by, such as `model`.
 *
 * @throws DeliveryError `TARGET_INVALID`
 */
export function targetPath(target: string): string {
  const path = target.replace(/^\/+|\/+$/g, '');
  const problem = !target.startsWith('/')
    ? 'it is not an absolute path'
    : path === ''
      ? 'files go into a folder of their own, not into the root of the image'
      : CLOSED.test(path)
        ? 'this folder belongs to the system'
        : problemOf(path);
  if (problem === undefined) return path;
  throw new DeliveryError('TARGET_INVALID', {
    message: `The target folder ${JSON.stringify(target)} cannot be used: ${problem}.`,
    remedy: 'Choose a folder such as /model or /opt/app.',
  });
}
