import { buffer } from 'node:stream/consumers';
import type { Agent } from '../../lib/agent/agent.ts';
import { fullPath } from '../../lib/agent/working-folder.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import type { LayerGroup } from '../../lib/oci/layer-group.ts';
import { appEntries } from '../../lib/oci/local-folder.ts';
import type { LayerFile } from '../../lib/packing/read-layer.ts';
import { isLockFile, readLockFile } from '../../lib/supply/lock-files.ts';
import { LockFileError } from '../../lib/supply/locked-package.ts';
import type { FoundPackage } from '../../lib/supply/sbom.ts';

/** In bytes; lock files of thousands of packages stay far below. */
const LARGEST = 32 * 1024 * 1024;

/** The packages that lock files within the app pin. What they leave open, and files that cannot be read, are told in the log. */
export async function lockedPackages(
  agent: Agent,
  app: LayerGroup | undefined,
  signal: AbortSignal,
): Promise<readonly FoundPackage[]> {
  const files = (await appFiles(agent, app)).filter(({ path }) => isLockFile(path));
  const found: FoundPackage[] = [];
  for (const file of files) {
    try {
      if (file.size > LARGEST) throw new LockFileError(`it has ${file.size} bytes`);
      const { packages, unpinned } = await readLockFile(
        file.path,
        (await buffer(await file.open(0, signal))).toString(),
      );
      found.push(...packages.map((locked) => ({ ...locked, lockFile: file.path })));
      if (unpinned.length > 0) {
        agent.log(`${file.path} pins no version of ${unpinned.join(', ')}: the SBOM leaves them out.`);
      }
    } catch (error) {
      if (!(error instanceof LockFileError)) throw error;
      agent.warn(`The SBOM leaves out the packages of ${file.path}: ${error.message}.`);
    }
  }
  return found;
}

/** The files of the app: those that go into the image as they are, or those that a Dockerfile may copy. */
async function appFiles(agent: Agent, app: LayerGroup | undefined): Promise<readonly LayerFile[]> {
  const { inputs } = agent;
  const own = app?.layers.flatMap((layer) => layer.files) ?? [];
  if (inputs.choice('builder', ['append', 'dockerfile']) === 'append') return own;
  const context = fullPath(agent, inputs.optionalText('buildContext') ?? '.');
  try {
    const entries = await appEntries(context, '/context');
    return [...own, ...entries.flatMap((entry) => (entry.type === 'file' ? [entry.file] : []))];
  } catch (error) {
    if (!(error instanceof DeliveryError)) throw error;
    agent.warn(`The SBOM leaves out the packages of the app: ${error.message}`);
    return own;
  }
}
