import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Services } from '../../tools/services/services.ts';
import { underSetupLock } from '../../tools/services/setup-lock.ts';
import { printedProgress } from '../../tools/services/stages.ts';

const run = promisify(execFile);
const REPOSITORY = 'cluster-test/busybox';
const APPLETS = ['sh', 'sleep', 'echo', 'cat', 'httpd', 'false', 'true', 'test', 'touch', 'wget'];

/**
 * An image of 2 MB, one static busybox, in the local registry: small enough that a test waits for Kubernetes and not for
 * an image. Versions differ by one file, so each has a digest of its own.
 *
 * @returns the image by digest
 */
export async function ensureBusyboxImage(
  { docker, registry }: Pick<Services, 'docker' | 'registry'>,
  version: string,
): Promise<string> {
  const name = `${registry.host}/${REPOSITORY}`;
  const known = await digestOf(registry.host, version);
  // Two files of tests that begin at once would push the same tag, which a registry may answer with 500.
  const digest = known ?? (await underSetupLock(printedProgress(), () => pushed({ docker, registry }, version)));
  return `${name}@${digest}`;
}

async function pushed({ docker, registry }: Pick<Services, 'docker' | 'registry'>, version: string): Promise<string> {
  const name = `${registry.host}/${REPOSITORY}`;
  const known = await digestOf(registry.host, version);
  if (known !== undefined) return known;
  const folder = await mkdtemp(join(tmpdir(), 'busybox-image-'));
  try {
    const root = join(folder, 'root');
    await fillRoot(folder, root, version);
    const tar = join(folder, 'image.tar');
    await run('tar', ['-C', root, '-cf', tar, '.']);
    const engine = ['-H', `unix://${docker.host.replace(/^unix:\/\//, '')}`];
    await run('docker', [...engine, 'import', tar, `${name}:${version}`]);
    await run('docker', [...engine, 'push', `${name}:${version}`]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const digest = await digestOf(registry.host, version);
  if (digest === undefined) throw new Error(`${name}:${version} is not in the registry after it was pushed`);
  return digest;
}

/** Debian's static busybox, unpacked without installing it. */
async function fillRoot(folder: string, root: string, version: string): Promise<void> {
  const download = () => run('apt-get', ['download', 'busybox-static'], { cwd: folder });
  // A machine may know no package yet, or only those of long ago.
  await download().catch(async () => {
    await run('apt-get', ['update']);
    await download();
  });
  const [deb] = (await readdir(folder)).filter((file) => file.endsWith('.deb'));
  await run('dpkg-deb', ['-x', join(folder, deb ?? ''), join(folder, 'deb')]);
  await mkdir(join(root, 'bin'), { recursive: true });
  await copyFile(join(folder, 'deb', 'bin', 'busybox'), join(root, 'bin', 'busybox'));
  for (const applet of APPLETS) await symlink('busybox', join(root, 'bin', applet));
  await mkdir(join(root, 'www'));
  await mkdir(join(root, 'tmp'));
  await writeFile(join(root, 'www', 'index.html'), `version ${version}\n`);
}

async function digestOf(host: string, tag: string): Promise<string | undefined> {
  const accept = 'application/vnd.docker.distribution.manifest.v2+json';
  const url = `http://${host}/v2/${REPOSITORY}/manifests/${tag}`;
  const answer = await fetch(url, { method: 'HEAD', headers: { accept } });
  return answer.ok ? (answer.headers.get('docker-content-digest') ?? undefined) : undefined;
}
