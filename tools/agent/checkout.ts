// Puts the sources where a job expects them, as the real agent's checkout does.
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';

const execute = promisify(execFile);

/** Runs git; in a hook, git's own variables would lead it to the hook's repository. */
async function run(program: string, args: readonly string[], options: { readonly maxBuffer?: number } = {}) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')));
  return await execute(program, args, { ...options, env });
}

/** What `checkout: self` checks out. */
export interface Sources {
  /** Undefined where there is nothing to check out. */
  readonly folder: string | undefined;
  /** Commit that is checked out; zeros where the folder is no git repository. */
  readonly commit: string;
  /** Such as `refs/heads/main`. */
  readonly branch: string;
  readonly message: string;
  /** Whether the files are taken as they lie there rather than as they were committed. */
  readonly takesFiles: boolean;
  readonly isRepository: boolean;
}

const NO_COMMIT = '0'.repeat(40);

/**
 * Finds the repository of a folder.
 *
 * @param workingTree take uncommitted files as well
 * @param exact treat this very folder as the repository, even if it lies within another one
 */
export async function findSources(
  folder: string,
  { workingTree, exact }: { readonly workingTree: boolean; readonly exact: boolean },
): Promise<Sources> {
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) {
    throw new DeliveryError('SOURCES_MISSING', { message: `There is no folder ${folder}.`, remedy: 'Check --source.' });
  }
  const root = await git(folder, 'rev-parse', '--show-toplevel');
  const commit = root === undefined ? undefined : await git(folder, 'rev-parse', 'HEAD');
  if (root === undefined || commit === undefined || (exact && !(await samePlace(root, folder)))) {
    // Without being told so, nobody wants whatever lies beside the file copied.
    return {
      folder: exact ? folder : undefined,
      commit: NO_COMMIT,
      branch: 'refs/heads/main',
      message: '',
      takesFiles: true,
      isRepository: false,
    };
  }
  return {
    folder: root,
    commit,
    branch: (await git(root, 'symbolic-ref', '-q', 'HEAD')) ?? 'refs/heads/main',
    message: (await git(root, 'log', '-1', '--format=%s')) ?? '',
    takesFiles: workingTree,
    isRepository: true,
  };
}

/** Fills a job's folder with the sources and says in one line what they are. */
export async function checkOut({ folder, commit, takesFiles, isRepository }: Sources, target: string): Promise<string> {
  await mkdir(target, { recursive: true });
  if (folder === undefined)
    return 'The file lies in no git repository, so nothing is checked out; --source names a folder.';
  if (!isRepository) {
    // One entry at a time, because the run's own folder may lie within.
    for (const entry of await readdir(folder)) {
      if (!target.startsWith(join(folder, entry))) {
        await cp(join(folder, entry), join(target, entry), { recursive: true, verbatimSymlinks: true });
      }
    }
    return `${folder}, which is no git repository: its files as they are`;
  }
  if (!takesFiles) {
    await run('git', ['clone', '--quiet', '--no-checkout', '--local', folder, target]);
    await run('git', ['-C', target, '-c', 'advice.detachedHead=false', 'checkout', '--quiet', '--detach', commit]);
    return `${folder} at ${commit.slice(0, 12)}`;
  }
  for (const file of await filesOf(folder)) {
    await mkdir(dirname(join(target, file)), { recursive: true });
    await cp(join(folder, file), join(target, file), { verbatimSymlinks: true });
  }
  return `${folder} at ${commit.slice(0, 12)}, with what is not committed`;
}

/** Files that git knows or would add, and that are there. */
async function filesOf(folder: string): Promise<readonly string[]> {
  const listing = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { stdout } = await run('git', ['-C', folder, ...listing], { maxBuffer: 1 << 28 });
  const files = [...new Set(stdout.split('\0').filter((file) => file !== ''))];
  const present = await Promise.all(
    files.map(async (file) =>
      (await stat(join(folder, file)).catch(() => undefined))?.isFile() === true ? [file] : [],
    ),
  );
  return present.flat();
}

async function git(folder: string, ...args: readonly string[]): Promise<string | undefined> {
  return await run('git', ['-C', folder, ...args]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
}

async function samePlace(one: string, other: string): Promise<boolean> {
  const [first, second] = await Promise.all([stat(one), stat(other)]);
  return first.ino === second.ino && first.dev === second.dev;
}
