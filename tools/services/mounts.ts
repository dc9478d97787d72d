import { readFile } from 'node:fs/promises';
import { ask } from './commands.ts';

/** Takes away what is mounted at a folder and below it; what is still in use stays. */
export async function unmountBelow(folder: string): Promise<void> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  for (const point of mountPointsBelow(folder, table)) await ask('umount', [point]);
}

/**
 * The mount points at a folder and below it, the inner ones first.
 *
 * @param table as in `/proc/self/mountinfo` (proc(5)): the fifth field, with odd characters as octal numbers
 */
export function mountPointsBelow(folder: string, table: string): readonly string[] {
  return table
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) => fromOctal(octal)))
    .filter((point) => point === folder || point.startsWith(`${folder}/`))
    .reverse();
}

function fromOctal(digits: string): string {
  return String.fromCharCode(parseInt(digits, 8));
}
