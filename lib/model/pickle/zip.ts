/** Reads bytes of a file; fewer than asked for at its end. */
export type ReadAt = (offset: number, length: number) => Buffer;

/** A file within a zip archive. */
export interface ZipEntry {
  readonly name: string;
  readonly compressed: boolean;
  /** Where its bytes are in the archive, and how many. */
  readonly offset: number;
  readonly length: number;
}

/** An archive that cannot be read as PyTorch, numpy and Python's zipfile would read it. */
export class BrokenZip extends Error {
  override readonly name = 'BrokenZip';
}

const END_64_LOCATOR = 0x07064b50;
const END_64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
/** The end record and the longest comment. */
const LONGEST_END = 22 + 0xffff;
const LARGEST_DIRECTORY = 64 * 1024 * 1024;
const MISPLACED = 'its directory is not where its end says: something stands before the archive, or within it';
const STORED = 0;
const DEFLATED = 8;

interface Directory {
  readonly offset: number;
  readonly length: number;
}

/**
 * The files of a zip archive by its central directory, which is what loaders go by. Flags, checksums and what local headers say besides the
 * place of the bytes are left alone, as PyTorch leaves them: a check that loaders do not make only helps to hide things.
 *
 * @throws BrokenZip
 */
export function* zipEntries(readAt: ReadAt, size: number): Generator<ZipEntry> {
  const { offset, length } = directoryOf(readAt, size);
  if (length > LARGEST_DIRECTORY) throw new BrokenZip('its directory is larger than any model has');
  const directory = readAt(offset, length);
  let at = 0;
  while (at + 46 <= directory.length && directory.readUInt32LE(at) === CENTRAL) {
    const [name, extra, comment] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ];
    yield entryAt(readAt, directory.subarray(at, at + 46 + name + extra));
    at += 46 + name + extra + comment;
  }
  if (at === 0) throw new BrokenZip('its directory lists nothing');
}

/** Python's zipfile reckons the directory's place back from its end, others take what the end record says: both must mean one and the same. */
function directoryOf(readAt: ReadAt, size: number): Directory {
  const tailAt = Math.max(0, size - LONGEST_END);
  const tail = readAt(tailAt, size - tailAt);
  const end = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (end < 0 || end + 22 > tail.length) throw new BrokenZip('its directory is missing');
  const endAt = tailAt + end;
  const own = { length: tail.readUInt32LE(end + 12), offset: tail.readUInt32LE(end + 16) };
  const locator = readAt(Math.max(0, endAt - 20), 20);
  if (locator.length < 20 || locator.readUInt32LE(0) !== END_64_LOCATOR) return endingAt(endAt, own);
  const largeAt = Number(locator.readBigUInt64LE(8));
  const large = readAt(largeAt, 56);
  if (large.length < 56 || large.readUInt32LE(0) !== END_64) throw new BrokenZip('its directory is missing');
  if (largeAt !== endAt - 20 - 56) throw new BrokenZip(MISPLACED);
  return endingAt(largeAt, { length: Number(large.readBigUInt64LE(40)), offset: Number(large.readBigUInt64LE(48)) });
}

function endingAt(end: number, directory: Directory): Directory {
  if (directory.offset + directory.length !== end) throw new BrokenZip(MISPLACED);
  return directory;
}

function entryAt(readAt: ReadAt, header: Buffer): ZipEntry {
  const method = header.readUInt16LE(10);
  const nameLength = header.readUInt16LE(28);
  const name = header.toString('utf8', 46, 46 + nameLength);
  const sizes = [header.readUInt32LE(24), header.readUInt32LE(20), header.readUInt32LE(42)];
  const [, length = 0, at = 0] = withExtra(sizes, header.subarray(46 + nameLength));
  if (method !== STORED && method !== DEFLATED)
    throw new BrokenZip(`${name} is compressed in a way that cannot be read`);
  const local = readAt(at, 30);
  if (local.length < 30 || local.readUInt32LE(0) !== LOCAL)
    throw new BrokenZip(`${name} is not where its directory says`);
  const offset = at + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
  return { name, compressed: method === DEFLATED, offset, length };
}

/** Sizes that do not fit into 32 bits stand in an extra field, in the same order. */
function withExtra(sizes: readonly number[], extra: Buffer): readonly number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let next = at + 4;
    return sizes.map((size) => {
      if (size !== 0xffffffff || next + 8 > extra.length) return size;
      next += 8;
      return Number(extra.readBigUInt64LE(next - 8));
    });
  }
  return sizes;
}
