import { readCondaEnvironment } from './lock-files/conda.ts';
import { readNpmLock, readPnpmLock, readYarnLock } from './lock-files/node.ts';
import { readPipfileLock, readPythonLock, readRequirements } from './lock-files/python.ts';
import type { LockFileContent } from './locked-package.ts';

type Reader = (text: string) => LockFileContent | Promise<LockFileContent>;

/** Files that say which packages an app is installed with, by their names. */
const READERS: readonly (readonly [RegExp, Reader])[] = [
  [/^requirements[-_.](?:dev|test|lint|docs?)\w*\.txt$/i, (text) => readRequirements(text, 'development')],
  [/^requirements(?:[-_.][\w.-]+)?\.txt$/i, (text) => readRequirements(text, 'runtime')],
  [/^(?:poetry|uv|pdm)\.lock$|^pylock(?:\.[^.]+)?\.toml$/, readPythonLock],
  [/^Pipfile\.lock$/, readPipfileLock],
  [/^(?:package-lock|npm-shrinkwrap)\.json$/, readNpmLock],
  [/^yarn\.lock$/, readYarnLock],
  [/^pnpm-lock\.yaml$/, readPnpmLock],
  [/^environment\.ya?ml$/, readCondaEnvironment],
];

/** Folders of packages that are installed already: the lock files in them are other people's. */
const INSTALLED = /(?:^|\/)(?:node_modules|site-packages|dist-packages)\//;

/** Whether a file of an app, by its path with `/` between its parts, is a lock file that can be read. */
export function isLockFile(path: string): boolean {
  return !INSTALLED.test(path) && readerOf(path) !== undefined;
}

/**
 * Reads a lock file.
 *
 * @throws LockFileError where it is damaged or of a version that is not known
 */
export async function readLockFile(path: string, text: string): Promise<LockFileContent> {
  return (await readerOf(path)?.(text)) ?? { packages: [], unpinned: [] };
}

function readerOf(path: string): Reader | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return READERS.find(([pattern]) => pattern.test(name))?.[1];
}
