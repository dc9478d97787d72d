import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { statePath } from '../services/state-folder.ts';

/**
 * Counts the demo's runs on this machine, from 1. Versions never change once published, so each run publishes the next
 * two; the count lives beside the blob store's data and is forgotten together with it.
 */
export async function nextRunNumber(): Promise<number> {
  const file = statePath('blob', 'demo-runs');
  const last = await readFile(file, 'utf8').catch(() => '0');
  const number = Number(last) + 1;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${number}\n`);
  return number;
}
