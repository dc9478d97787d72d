// Makes the files of the base image from Debian's packages, the same bytes each time.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { ask, findProgram, run } from './commands.ts';
import { ensureDebianPackages } from './debian-packages.ts';
import type { Progress } from './stages.ts';

/** Names the content; a change of what is done here needs a new number. */
export const RECIPE = 'python-flask-bookworm-3';
/** The moment at which all files say they were changed. */
export const BUILT_AT = new Date('2025-01-01T00:00:00Z');

/** Digests of the layer as it is stored and unpacked. */
export interface Layer {
  readonly digest: string;
  readonly diffId: string;
}

const PACKAGES = ['python3-flask', 'python3-numpy', 'python3-pil', 'gunicorn'];
const LOG = 'base-image';
const EPOCH = String(BUILT_AT.getTime() / 1000);
/** What differs from machine to machine or from run to run, or is of no use in an image. */
const LEFT_OUT = [
  ...['dev', 'tmp', 'run', 'var/cache', 'var/lib/apt/lists', 'var/log', 'usr/share/doc', 'usr/share/man'],
  ...['etc/hostname', 'etc/resolv.conf', 'etc/machine-id', 'etc/passwd-', 'etc/group-', 'etc/shadow-', 'etc/gshadow-'],
  ...['var/lib/dpkg/status-old', 'var/lib/dpkg/diversions-old', 'var/lib/dpkg/lock', 'var/lib/dpkg/lock-frontend'],
];
const EMPTY_FOLDERS = ['dev', 'run', 'var/log', 'var/cache/apt/archives/partial', 'var/lib/apt/lists/partial'];

/** Writes `layer.tar.gz` and, about it, `layer.json` to a folder. */
export async function buildRootFilesystem(folder: string, progress: Progress): Promise<void> {
  if (findProgram('debootstrap') === undefined) await ensureDebianPackages(['debootstrap'], progress);
  const root = join(folder, 'root');
  await progress.stage('Building the Python base image', async () => {
    const include = `--include=${PACKAGES.join(',')}`;
    await run('debootstrap', ['--variant=minbase', include, 'bookworm', root, await mirror()], {
      log: LOG,
      // Accounts carry the day of their last change.
      env: { SOURCE_DATE_EPOCH: EPOCH },
    });
    for (const name of LEFT_OUT) await rm(join(root, name), { recursive: true, force: true });
    for (const name of EMPTY_FOLDERS) await mkdir(join(root, name), { recursive: true });
    await mkdir(join(root, 'tmp'));
    await writeFile(join(root, 'etc/apt/sources.list'), 'deb http://deb.debian.org/debian bookworm main\n');
    await compilePython(root);
    const archive = join(folder, 'root.tar');
    const tar = [
      '--sort=name',
      '--numeric-owner',
      `--mtime=@${EPOCH}`,
      '--format=gnu',
      '-C',
      root,
      '-cf',
      archive,
      '.',
    ];
    await run('chmod', ['1777', join(root, 'tmp')], { log: LOG });
    await run('tar', tar, { log: LOG });
    const layer = await compress(archive, join(folder, 'layer.tar.gz'));
    await writeFile(join(folder, 'layer.json'), JSON.stringify(layer));
    for (const name of [root, archive]) await rm(name, { recursive: true });
  });
}

/** Python's compiled files hold the time of their source, which the archive changes: these hold its hash instead. */
async function compilePython(root: string): Promise<void> {
  const libraries = join(root, 'usr/lib');
  const entries = await readdir(libraries, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter(({ name }) => name === '__pycache__')) {
    await rm(join(entry.parentPath, entry.name), { recursive: true });
  }
  const folders = entries.filter(({ name, parentPath }) => parentPath === libraries && name.startsWith('python3'));
  const compile = ['-m', 'compileall', '-q', '--invalidation-mode', 'unchecked-hash'];
  await run('chroot', [root, 'python3', ...compile, ...folders.map(({ name }) => `/usr/lib/${name}`).sort()], {
    log: LOG,
    env: { PYTHONHASHSEED: '0' },
  });
}

async function compress(archive: string, target: string): Promise<Layer> {
  const plain = createHash('sha256');
  const packed = createHash('sha256');
  const through = (hash: typeof plain): PassThrough =>
    new PassThrough().on('data', (chunk: Buffer) => hash.update(chunk));
  const source: Readable = createReadStream(archive);
  await pipeline(source, through(plain), createGzip({ level: 1 }), through(packed), createWriteStream(target));
  return { digest: `sha256:${packed.digest('hex')}`, diffId: `sha256:${plain.digest('hex')}` };
}

/** The mirror that the machine's apt uses. */
async function mirror(): Promise<string> {
  const sources = await ask('sh', ['-c', 'cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; true']);
  return /^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(\S+)/m.exec(sources ?? '')?.[1] ?? 'http://deb.debian.org/debian';
}
