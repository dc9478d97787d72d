import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import JSZip from 'jszip';

const ROOT = join(import.meta.dirname, '..', '..');

/** The files of the extension as `npm run package` makes it: content by path. */
export async function extensionPackage(): Promise<ReadonlyMap<string, Buffer>> {
  const run = spawnSync(process.execPath, [join(ROOT, 'tools', 'package', 'main.ts')], { cwd: ROOT, encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`npm run package failed:\n${run.stdout}${run.stderr}`);
  const [file = ''] = globSync('dist/*.vsix', { cwd: ROOT });
  const zip = await JSZip.loadAsync(await readFile(join(ROOT, file)));
  const files = Object.values(zip.files).filter((entry) => !entry.dir);
  return new Map(await Promise.all(files.map(async (entry) => [entry.name, await entry.async('nodebuffer')] as const)));
}

/** Width and height of a PNG picture, in pixels. */
export function sizeOfPng(png: Buffer): readonly [width: number, height: number] {
  if (png.toString('latin1', 1, 4) !== 'PNG') throw new Error('This is not a PNG picture.');
  return [png.readUInt32BE(16), png.readUInt32BE(20)];
}
