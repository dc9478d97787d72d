// Pictures that say what they were drawn from, so that a test can tell one that has been left behind.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { run } from '../services/commands.ts';

/** Keyword of the PNG's text chunk that holds the hash of its source. */
const KEYWORD = 'model-delivery-source';
const SIGNATURE_AND_HEADER = 8 + 25;

/** Renders an SVG picture as a PNG that carries the source's hash. */
export async function pngOf(svg: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'classic-editor-'));
  try {
    const [source, target] = [join(folder, 'form.svg'), join(folder, 'form.png')];
    await writeFile(source, svg);
    await run('rsvg-convert', ['--output', target, source], { log: 'rsvg-convert' });
    return withText(await readFile(target), sourceHash(svg));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function sourceHash(svg: string): string {
  return createHash('sha256').update(svg).digest('hex');
}

/** The hash of what a PNG was drawn from; undefined where it does not say. */
export function hashIn(png: Buffer): string | undefined {
  const at = png.indexOf(`${KEYWORD}\0`);
  return at < 0 ? undefined : png.toString('latin1', at + KEYWORD.length + 1, at + KEYWORD.length + 1 + 64);
}

/** Adds a text chunk behind the header (PNG specification, "tEXt Textual data"). */
function withText(png: Buffer, content: string): Buffer {
  const typed = Buffer.from(`tEXt${KEYWORD}\0${content}`, 'latin1');
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(typed.length - 4);
  checksum.writeUInt32BE(crc32(typed));
  const [head, rest] = [png.subarray(0, SIGNATURE_AND_HEADER), png.subarray(SIGNATURE_AND_HEADER)];
  return Buffer.concat([head, length, typed, checksum, rest]);
}
