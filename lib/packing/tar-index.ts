import { type FileHandle, open } from 'node:fs/promises';
import { BLOCK } from './tar-header.ts';

/** Where an archive holds the bytes of a file. */
export interface TarMember {
  /** Position of the first byte in the archive. */
  readonly offset: number;
  /** In bytes. */
  readonly size: number;
}

/** Thrown for a file that is no tar archive. */
export class NotATarError extends Error {
  override readonly name = 'NotATarError';
}

/** What the entries before a header say about it: names and sizes that it has no room for. */
interface Override {
  readonly path?: string | undefined;
  readonly size?: number | undefined;
}

/** Extended headers are a few hundred bytes; one beyond this is an attack. */
const LARGEST_EXTENSION = 1024 * 1024;
const MOST_LINKS = 8;

/**
 * Finds the files of a tar archive (ustar, PAX, GNU) by reading its headers alone. Links stand for what they point at, as
 * older `docker save` keeps equal layers once.
 *
 * @returns where each file is, by its path
 * @throws NotATarError
 */
export async function indexTar(archive: string): Promise<ReadonlyMap<string, TarMember>> {
  const members = new Map<string, TarMember>();
  const links = new Map<string, string>();
  const handle = await open(archive);
  try {
    const { size: end } = await handle.stat();
    let override: Override = {};
    for (let position = 0; position + BLOCK <= end;) {
      const header = await read(handle, position, BLOCK);
      if (header.every((byte) => byte === 0)) break;
      if (!hasChecksum(header)) throw new NotATarError(`${archive} is not a tar archive`);
      const size = override.size ?? number(header.subarray(124, 136));
      const path = normal(override.path ?? pathOf(header));
      const offset = position + BLOCK;
      const type = String.fromCharCode(header[156] ?? 0);
      override = 'xL'.includes(type) ? { ...override, ...(await extension(handle, type, offset, size)) } : {};
      if ('0\u00007'.includes(type)) members.set(path, { offset, size });
      if (type === '1') links.set(path, normal(text(header.subarray(157, 257))));
      if (type === '2') links.set(path, resolved(path, text(header.subarray(157, 257))));
      position = offset + ('12345'.includes(type) ? 0 : Math.ceil(size / BLOCK) * BLOCK);
    }
  } finally {
    await handle.close();
  }
  for (const path of links.keys()) {
    const member = members.get(endOfLinks(path, links));
    if (member !== undefined) members.set(path, member);
  }
  return members;
}

/** Links may lead to links; those that lead round in a circle lead nowhere. */
function endOfLinks(path: string, links: ReadonlyMap<string, string>): string {
  let end = path;
  for (let hop = 0; hop < MOST_LINKS; hop += 1) end = links.get(end) ?? end;
  return end;
}

async function extension(handle: FileHandle, type: string, offset: number, size: number): Promise<Override> {
  if (size > LARGEST_EXTENSION) throw new NotATarError('a header of the archive is far too large');
  const content = await read(handle, offset, size);
  if (type === 'L') return { path: text(content) };
  const records = paxRecords(content);
  const long = records.get('size');
  return {
    ...(records.has('path') ? { path: records.get('path') } : {}),
    ...(long === undefined ? {} : { size: Number(long) }),
  };
}

/** `LENGTH KEY=VALUE\n`, one after the other. */
function paxRecords(content: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let start = 0; start < content.length;) {
    const space = content.indexOf(' ', start);
    const length = Number(content.toString('latin1', start, space));
    if (space < 0 || !(length > 0)) break;
    const record = content.toString('utf8', space + 1, start + length - 1);
    const equals = record.indexOf('=');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    start += length;
  }
  return records;
}

async function read(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, position);
  if (bytesRead < length) throw new NotATarError('the archive ends in the middle of an entry');
  return buffer;
}

function pathOf(header: Buffer): string {
  const prefix = header.toString('latin1', 257, 262) === 'ustar' ? text(header.subarray(345, 500)) : '';
  const name = text(header.subarray(0, 100));
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Octal digits, or, for what they cannot hold, a binary number (GNU). */
function number(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) !== 0) return Number(field.readBigUInt64BE(field.length - 8));
  return parseInt(text(field).trim() || '0', 8);
}

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}

function hasChecksum(header: Buffer): boolean {
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0);
  return sum === number(header.subarray(148, 156));
}

/** `./a//b/` is `a/b`. */
function normal(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

function resolved(path: string, target: string): string {
  const parts: string[] = [];
  for (const part of `${path}/../${target}`.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
