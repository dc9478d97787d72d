import { archiveName, type Entry, type Owner, ROOT } from './entry.ts';

/** Tar archives are made of blocks of this many bytes. */
export const BLOCK = 512;

/** The first size that ustar's eleven octal digits cannot hold: 8 GiB. */
const SIZE_LIMIT = 8 ** 11;
/** The first number of a user or group that seven octal digits cannot hold. */
const ID_LIMIT = 8 ** 7;
const NAME_LENGTH = 100;
const PREFIX_LENGTH = 155;

/**
 * Folders that Linux images have with modes other than 0755: a layer names the parents of what it holds, and must
 * not close `/tmp` to everybody while doing so.
 */
const FOLDER_MODES: Readonly<Record<string, number>> = { tmp: 0o1777, 'var/tmp': 0o1777, root: 0o700 };

const TYPE_FLAGS = { file: '0', hardlink: '1', symlink: '2', folder: '5' } as const;

/**
 * The header blocks of an entry: one block of the ustar format (POSIX.1-1988), and before it a PAX extended header
 * (POSIX.1-2001) only where ustar cannot say it: sizes from 8 GiB, and names that are too long or not ASCII. The time
 * is always 0 and modes 0644 or 0755, so that a digest depends on nothing but names, bytes and the owner asked for.
 */
export function tarHeader(entry: Entry<unknown>, { uid, gid }: Owner = ROOT): Buffer {
  const name = archiveName(entry);
  const linkTarget = entry.type === 'symlink' || entry.type === 'hardlink' ? entry.linkTarget : '';
  const size = entry.type === 'file' ? entry.size : 0;
  const split = splitName(name);
  const linkFits = isAscii(linkTarget) && linkTarget.length <= NAME_LENGTH;
  const sizeFits = size < SIZE_LIMIT;

  const records = [
    ...(linkFits ? [] : [paxRecord('linkpath', linkTarget)]),
    ...(split === undefined ? [paxRecord('path', name)] : []),
    ...(sizeFits ? [] : [paxRecord('size', String(size))]),
    ...(uid < ID_LIMIT ? [] : [paxRecord('uid', String(uid))]),
    ...(gid < ID_LIMIT ? [] : [paxRecord('gid', String(gid))]),
  ];
  const header = ustarBlock({
    // Where a PAX record holds the real value, readers of plain ustar see a harmless stand-in.
    ...(split ?? { name: standIn(name), prefix: '' }),
    mode: modeOf(entry),
    uid: uid < ID_LIMIT ? uid : 0,
    gid: gid < ID_LIMIT ? gid : 0,
    size: sizeFits ? size : 0,
    typeFlag: TYPE_FLAGS[entry.type],
    linkTarget: linkFits ? linkTarget : standIn(linkTarget),
  });
  return records.length === 0 ? header : Buffer.concat([paxHeader(Buffer.concat(records)), header]);
}

/** How many zero bytes follow content of this size to fill its last block. */
export function paddingAfter(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function modeOf(entry: Entry<unknown>): number {
  switch (entry.type) {
    case 'file':
    case 'hardlink':
      return entry.executable ? 0o755 : 0o644;
    case 'folder':
      return FOLDER_MODES[entry.path] ?? 0o755;
    case 'symlink':
      return 0o777;
  }
}

interface UstarFields {
  readonly name: string;
  readonly prefix: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly typeFlag: string;
  readonly linkTarget: string;
}

/** One ustar header block, fields at the offsets that POSIX gives them. */
function ustarBlock({ name, prefix, mode, uid, gid, size, typeFlag, linkTarget }: UstarFields): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 'latin1');
  block.write(octal(mode, 7), 100, 'latin1');
  block.write(octal(uid, 7), 108, 'latin1');
  block.write(octal(gid, 7), 116, 'latin1');
  block.write(octal(size, 11), 124, 'latin1');
  block.write(octal(0, 11), 136, 'latin1'); // time
  block.write('        ', 148, 'latin1'); // the checksum counts itself as spaces
  block.write(typeFlag, 156, 'latin1');
  block.write(linkTarget, 157, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  block.write(octal(0, 7), 329, 'latin1'); // device, major
  block.write(octal(0, 7), 337, 'latin1'); // device, minor
  block.write(prefix, 345, 'latin1');
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${octal(checksum, 6)}\u0000 `, 148, 'latin1');
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

/** A PAX extended header with its records, for the entry that follows. */
function paxHeader(records: Buffer): Buffer {
  const header = ustarBlock({
    name: 'PaxHeader',
    prefix: '',
    mode: 0o644,
    ...ROOT,
    size: records.length,
    typeFlag: 'x',
    linkTarget: '',
  });
  return Buffer.concat([header, records, Buffer.alloc(paddingAfter(records.length))]);
}

/** `LENGTH KEY=VALUE\n`, where the length, in bytes, counts its own digits. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (rest + String(length).length > length) length += 1;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

/** Splits a name over ustar's two fields, at the last slash that leaves both short enough; undefined where none does. */
function splitName(path: string): { readonly name: string; readonly prefix: string } | undefined {
  if (!isAscii(path)) return undefined;
  if (path.length <= NAME_LENGTH) return { name: path, prefix: '' };
  // A folder's own last slash is no place to split: nothing would be left of the name.
  const slash = path.lastIndexOf('/', Math.min(PREFIX_LENGTH, path.length - 2));
  const name = path.slice(slash + 1);
  return slash > 0 && name.length <= NAME_LENGTH ? { name, prefix: path.slice(0, slash) } : undefined;
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

function standIn(text: string): string {
  return text.replace(/[^\u0020-\u007e]/g, '_').slice(0, NAME_LENGTH);
}
