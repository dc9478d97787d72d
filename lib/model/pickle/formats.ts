import { beginsAsPickle } from './stream.ts';

/** What a file is by its first bytes. */
export type Format = 'pickle' | 'zip' | 'npy' | 'zlib' | 'gzip' | 'unreadable' | 'other' | 'unknown';

/** So many first bytes are enough to know. */
export const HEAD = 64;

/** Names under which Python's tools write pickles: such a file that cannot be read as one is told of. */
export function isNamedAsPickle(path: string): boolean {
  return /\.(?:pkl?|pickle|joblib|sav|pt|pth|ckpt|dill|cloudpickle)(?:\.(?:gz|z|bz2|xz|lzma|lz4))?$/i.test(path);
}

const MAGIC: readonly (readonly [bytes: string, format: Format])[] = [
  ['PK\x03\x04', 'zip'],
  ['PK\x05\x06', 'zip'],
  ['\x93NUMPY', 'npy'],
  ['\x1f\x8b', 'gzip'],
  ['BZh', 'unreadable'],
  ['\xfd7zXZ\x00', 'unreadable'],
  ['\x5d\x00\x00', 'unreadable'],
  ['\x04\x22\x4d\x18', 'unreadable'],
  ['\x28\xb5\x2f\xfd', 'unreadable'],
  ['7z\xbc\xaf\x27\x1c', 'unreadable'],
  ['GGUF', 'other'],
  ['\x89HDF', 'other'],
];

/** The format of a file whose first bytes and size are given. */
export function formatOf(head: Buffer, size: number): Format {
  const text = head.toString('latin1');
  const known = MAGIC.find(([bytes]) => text.startsWith(bytes));
  if (known !== undefined) return known[1];
  if (isSafetensors(head, size)) return 'other';
  if (beginsAsPickle(head)) return 'pickle';
  if (head.length > 2 && head[0] === 0x78 && head.readUInt16BE(0) % 31 === 0) return 'zlib';
  return 'unknown';
}

/** The length of a JSON header, then the header. */
function isSafetensors(head: Buffer, size: number): boolean {
  if (head.length < 10 || head.toString('latin1', 8, 10) !== '{"') return false;
  return head.readBigUInt64LE(0) <= BigInt(Math.max(0, size - 8));
}

/** Whether numpy would unpickle what follows the header of an array: its type names objects. */
export function holdsObjects(header: string): boolean {
  const [, type = header] = /'descr'\s*:\s*(\[.*?\]|'[^']*'|"[^"]*")\s*,\s*'/s.exec(header) ?? [];
  return /['"][|<>=]?O\d*['"]/.test(type) || /\bO\b/.test(type);
}
