// Installs Debian packages that a part needs and the machine lacks.
import { existsSync } from 'node:fs';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { ask, run } from './commands.ts';
import type { Progress } from './stages.ts';

/** Debian packages that are wanted and not installed. */
async function missing(packages: readonly string[]): Promise<readonly string[]> {
  const answer = await ask('sh', [
    '-c',
    `dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\n' ${packages.join(' ')} 2>/dev/null; true`,
  ]);
  const installed = (answer ?? '').split('\n').flatMap((line) => /^ii\s+(\S+)/.exec(line)?.[1] ?? []);
  return packages.filter((name) => !installed.includes(name));
}

/**
 * Installs what is missing of some Debian packages; nothing to do is fast and silent.
 * Throws {@link DeliveryError} `SETUP_NEEDS_DEBIAN` or `SETUP_NEEDS_ROOT` where it cannot.
 */
export async function ensureDebianPackages(packages: readonly string[], progress: Progress): Promise<void> {
  if (!existsSync('/usr/bin/dpkg-query')) {
    throw new DeliveryError('SETUP_NEEDS_DEBIAN', {
      message: `Setting up ${packages.join(', ')} by itself works on Debian and its like only.`,
      remedy: 'Install these yourself, or point to running services as docs/local-services.md shows.',
    });
  }
  const wanted = await missing(packages);
  if (wanted.length === 0) return;
  if (process.getuid?.() !== 0) {
    throw new DeliveryError('SETUP_NEEDS_ROOT', {
      message: `The Debian packages ${wanted.join(', ')} are not installed.`,
      remedy: `Run "sudo apt-get install --no-install-recommends ${wanted.join(' ')}", then the command again.`,
    });
  }
  await progress.stage(`Installing ${wanted.join(', ')}`, async () => {
    // Another apt may be at work on a fresh machine; waiting for it beats failing.
    const apt = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3', '-q', '-y'];
    const options = { log: 'packages', env: { DEBIAN_FRONTEND: 'noninteractive' } };
    await run('apt-get', [...apt, 'update'], options);
    await run('apt-get', [...apt, 'install', '--no-install-recommends', ...wanted], options);
  });
}
