import { DeliveryError } from '../errors/delivery-error.ts';

// https://learn.microsoft.com/windows/win32/fileio/naming-a-file
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;
const WINDOWS_FORBIDDEN = /[<>:"|?*]|[. ]$/;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * Refuses the paths of a model's files that would leave its folder, that this system cannot hold, or that become one
 * and the same file on a disk which does not tell `A` from `a`. Paths are relative, with `/` between their parts.
 *
 * @param platform whose rules for names to apply, as `process.platform` names it
 * @throws DeliveryError `PATH_UNSAFE`, which names the path
 */
export function checkFilePaths(paths: readonly string[], platform: NodeJS.Platform = process.platform): void {
  for (const path of paths) {
    const problem = problemOf(path, platform);
    if (problem !== undefined) throw unsafe(path, problem);
  }
  checkCollisions(paths);
}

function problemOf(path: string, platform: NodeJS.Platform): string | undefined {
  if (path === '') return 'its name is empty';
  if (CONTROL.test(path)) return 'its name holds a control character';
  if (path.includes('\\')) return 'its name holds a backslash';
  if (path.startsWith('/')) return 'its path is absolute';
  if (/^[A-Za-z]:/.test(path)) return 'its path begins with a drive letter';
  if (Buffer.from(path).toString() !== path) return 'its name is not valid Unicode';
  const parts = path.split('/');
  if (parts.includes('..')) return 'its path leads out of the folder';
  if (parts.includes('.') || parts.includes('')) return 'its path holds an empty part or "."';
  // Most file systems hold 255 bytes a name; Windows counts UTF-16 units, of which there are never more.
  if (parts.some((part) => Buffer.byteLength(part) > 255)) return 'a part of its path is longer than 255 bytes';
  return platform === 'win32' ? windowsProblemOf(parts) : undefined;
}

function windowsProblemOf(parts: readonly string[]): string | undefined {
  if (parts.some((part) => WINDOWS_DEVICE.test(part))) return 'Windows reserves such a name for a device';
  if (parts.some((part) => WINDOWS_FORBIDDEN.test(part))) return 'Windows does not allow such a name';
  return undefined;
}

/** Finds two files that share a path on some disk, and a file that stands where another needs a folder. */
function checkCollisions(paths: readonly string[]): void {
  const files = new Map<string, string>();
  for (const path of paths) {
    const other = files.get(folded(path));
    if (other === path) throw unsafe(path, 'it is there twice');
    if (other !== undefined) throw unsafe(path, `some disks do not tell it from ${JSON.stringify(other)}`);
    files.set(folded(path), path);
  }
  for (const path of paths) {
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      const file = files.get(folded(path.slice(0, slash)));
      if (file !== undefined) throw unsafe(path, `the file ${JSON.stringify(file)} stands where it needs a folder`);
    }
  }
}

/** How a disk that ignores case and Unicode composition sees a path. */
function folded(path: string): string {
  return path.normalize('NFC').toLowerCase();
}

function unsafe(path: string, problem: string): DeliveryError {
  return new DeliveryError('PATH_UNSAFE', {
    message: `The file ${JSON.stringify(path)} of the model cannot be used: ${problem}.`,
    remedy: 'Rename or leave out that file.',
  });
}
