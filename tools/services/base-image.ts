// The image that the example app stands on: Debian with Python, Flask, gunicorn and numpy.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ask, findProgram, run } from './commands.ts';
import { ensureDebianPackages } from './debian-packages.ts';
import type { Services } from './services.ts';
import { type Progress, printedProgress } from './stages.ts';
import { cachedFolder } from './state-folder.ts';

const REPOSITORY = 'base/python-flask';
const TAG = 'bookworm';
const PACKAGES = ['python3-flask', 'python3-numpy', 'gunicorn'];
const LOG = 'base-image';

/**
 * Makes sure that the local registry holds the base image and returns its name with the registry's host. Built with
 * debootstrap from Debian's packages once (under a minute), so that it needs no other registry.
 */
export async function ensureBaseImage(
  { registry, docker }: Pick<Services, 'registry' | 'docker'>,
  progress: Progress = printedProgress(),
): Promise<string> {
  const image = `${registry.host}/${REPOSITORY}:${TAG}`;
  if (await isPushed(registry.host)) return image;
  const archive = await rootFilesystem(progress);
  await progress.stage(`Pushing the base image ${image}`, async () => {
    // Importing makes a new digest each time: an image that the engine has already is pushed again as it is.
    const present = await ask('docker', ['-H', docker.host, 'image', 'inspect', image]);
    const env = ['ENV PATH=/usr/local/bin:/usr/bin:/bin', 'ENV PYTHONUNBUFFERED=1', 'ENV LANG=C.UTF-8'];
    if (present === undefined) {
      const changes = env.flatMap((line) => ['-c', line]);
      await run('docker', ['-H', docker.host, 'import', ...changes, archive, image], { log: LOG });
    }
    await run('docker', ['-H', docker.host, 'push', image], { log: LOG });
  });
  return image;
}

async function isPushed(host: string): Promise<boolean> {
  const response = await fetch(`http://${host}/v2/${REPOSITORY}/manifests/${TAG}`, {
    method: 'HEAD',
    headers: { accept: 'application/vnd.docker.distribution.manifest.v2+json' },
  });
  return response.ok;
}

async function rootFilesystem(progress: Progress): Promise<string> {
  const folder = await cachedFolder(`python-flask-${TAG}-${process.arch}-1`, async (output) => {
    if (findProgram('debootstrap') === undefined) await ensureDebianPackages(['debootstrap'], progress);
    await progress.stage('Building the Python base image', async () => {
      const root = join(output, 'root');
      const include = `--include=${PACKAGES.join(',')}`;
      await run('debootstrap', ['--variant=minbase', include, 'bookworm', root, await mirror()], { log: LOG });
      for (const name of ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man', 'var/log']) {
        await rm(join(root, name), { recursive: true, force: true });
      }
      await run('tar', ['--sort=name', '--numeric-owner', '-C', root, '-cf', join(output, 'root.tar'), '.'], {
        log: LOG,
      });
      await rm(root, { recursive: true, force: true });
    });
  });
  return join(folder, 'root.tar');
}

/** The mirror that the machine's apt uses. */
async function mirror(): Promise<string> {
  const sources = await ask('sh', ['-c', 'cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; true']);
  return /^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(\S+)/m.exec(sources ?? '')?.[1] ?? 'http://deb.debian.org/debian';
}
