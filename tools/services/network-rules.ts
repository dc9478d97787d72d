// The rules that the Docker engine and Kubernetes leave in the kernel when they stop.
import { ask, findProgram, run } from './commands.ts';

/** Removes the chains whose names match, and every rule that matches. */
export async function removeRules(ours: RegExp): Promise<void> {
  const saved = findProgram('iptables-save') === undefined ? undefined : await ask('iptables-save', []);
  const removal = saved === undefined ? '' : removalOf(saved, ours);
  if (removal === '') return;
  await run('iptables-restore', ['--noflush'], { log: 'network', input: removal });
}

/**
 * What `iptables-restore --noflush` must be told so that the chains and rules that match go and all others stay.
 *
 * @param saved the output of `iptables-save`
 */
export function removalOf(saved: string, ours: RegExp): string {
  const tables = saved.split(/^\*/m).slice(1);
  return tables.map((text) => removalOfTable(text.split('\n'), ours)).join('');
}

function removalOfTable([table = '', ...lines]: readonly string[], ours: RegExp): string {
  const chains = lines.flatMap((line) => /^:(\S+) -/.exec(line)?.[1] ?? []).filter((chain) => ours.test(chain));
  const rules = lines.filter((line) => {
    const chain = /^-A (\S+)/.exec(line)?.[1];
    return chain !== undefined && !chains.includes(chain) && ours.test(line);
  });
  const removal = [
    // A chain can go when it is empty and nothing jumps to it any more.
    ...chains.map((chain) => `-F ${chain}`),
    ...rules.map((rule) => rule.replace(/^-A /, '-D ')),
    ...chains.map((chain) => `-X ${chain}`),
  ];
  return removal.length === 0 ? '' : [`*${table}`, ...removal, 'COMMIT', ''].join('\n');
}
