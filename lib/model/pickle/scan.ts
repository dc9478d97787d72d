import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { readAtOnce, type SourceFile } from '../source-files.ts';
import { type Format, formatOf, HEAD, holdsObjects, isNamedAsPickle } from './formats.ts';
import { judgeImport } from './imports.ts';
import type { Act } from './machine.ts';
import { beginsAsPickle, PickleStream } from './stream.ts';
import { BrokenZip, type ReadAt, zipEntries } from './zip.ts';

/** Something in a file that a reader should know before anyone loads it. */
export interface PickleFinding {
  /** The file's path in the model; of a file within it, both: `model.pt › archive/data.pkl`. */
  readonly file: string;
  /** `unreadable`: nobody can say what is in it, which is no permission. */
  readonly severity: 'dangerous' | 'suspicious' | 'unreadable';
  /** Half a sentence, such as `imports os.system`. */
  readonly what: string;
}

/** What a scan has seen. That it has found nothing does not prove that a file is harmless. */
export interface PickleScan {
  /** Pickles that were read, those within archives included. */
  readonly pickles: number;
  readonly findings: readonly PickleFinding[];
}

export interface ScanOptions {
  /** Imports that are expected besides those of well-known libraries: `mylib.Model`, `mylib.*`. */
  readonly allowed: readonly string[];
  readonly signal: AbortSignal;
  /** Longest that one file may take, in milliseconds. */
  readonly timeLimit?: number;
}

const TIME_LIMIT = 10 * 60_000;
/** So much of each file is read at once; few are looked at any further. */
const TRIED = 64 * 1024;
/** More of one file says nothing more. */
const MOST_FINDINGS = 50;
/** PyTorch's files before archives: a number to know them by, then four pickles, then bare numbers. */
const OLD_TORCH = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');
const OLD_TORCH_PICKLES = 5;

/** By these bytes of any name are known to be a pickle; an import alone is not enough, as a text may begin like that. */
const DEEDS: readonly Act['act'][] = ['computed call', 'changed import', 'beyond limits'];

/** Something to read, as often as wanted. */
interface Content {
  readonly label: string;
  readonly size: number;
  readonly named: boolean;
  /** Its first {@link TRIED} bytes, or all of them where there are fewer. */
  readonly beginning: Buffer;
  readonly open: () => Readable;
  /** It came out of something compressed. */
  readonly unpacked?: boolean;
  /** Where it is: a file of its own. */
  readonly location?: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Looks into the files of a model for what would run when they are loaded. What no unpickler could read breaks within its first bytes
 * and is read no further. Nothing is executed.
 *
 * @throws DeliveryError `SOURCE_UNREADABLE`, and what aborted the signal
 */
export async function scanPickles(files: readonly SourceFile[], options: ScanOptions): Promise<PickleScan> {
  const scanner = new Scanner(options);
  for (const file of files) {
    await nextTurn();
    await scanner.file(file);
  }
  return { pickles: scanner.pickles, findings: scanner.findings };
}

/** Beginnings are read at once; between them there is a turn for who wants to stop the scan. */
class Scanner {
  readonly findings: PickleFinding[] = [];
  pickles = 0;
  readonly #options: ScanOptions;
  /** For the beginning of one file after the other: most are looked at no further. */
  readonly #beginning = Buffer.allocUnsafeSlow(TRIED);

  constructor(options: ScanOptions) {
    this.#options = options;
  }

  async file({ path, location, size }: SourceFile): Promise<void> {
    const { signal, timeLimit = TIME_LIMIT } = this.#options;
    signal.throwIfAborted();
    const beginning = this.#beginning.subarray(0, readAtOnce(location, this.#beginning).bytes);
    const limited = AbortSignal.any([signal, AbortSignal.timeout(timeLimit)]);
    // A stream takes all of its buffer for the smallest file as well.
    const highWaterMark = Math.min(1024 * 1024, Math.max(1, size));
    const open = (): Readable => createReadStream(location, { signal: limited, highWaterMark });
    const named = isNamedAsPickle(path);
    try {
      await this.#content({ label: path, size, named, beginning, open, location, signal: limited });
    } catch (error) {
      signal.throwIfAborted();
      if (!limited.aborted) throw error;
      this.#add(path, 'unreadable', `could not be read within ${Math.round(timeLimit / 60_000)} minutes`);
    }
  }

  async #content(content: Content): Promise<void> {
    const { label, size, named, beginning, location } = content;
    const format = formatOf(beginning.subarray(0, HEAD), size);
    if (format === 'zip' && location !== undefined) await this.#archive(content, location);
    else if (format === 'zip') this.#tooDeep(content);
    else if (format === 'npy') await this.#array(content);
    else if (format === 'zlib' || format === 'gzip') await this.#compressed(content, format);
    else if (format === 'unreadable' && named) {
      this.#add(label, 'unreadable', 'is compressed in a way that cannot be looked into');
    } else if (named || format === 'pickle' || (await isPickle(content, format))) {
      await this.#pickle(content);
    }
  }

  /** Nothing that a library writes is packed twice. */
  #tooDeep({ label }: Content): void {
    this.#add(label, 'unreadable', 'is packed within something that is packed');
  }

  async #archive({ label, size, signal }: Content, location: string): Promise<void> {
    const readAt: ReadAt = (offset, length) => {
      const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
      return bytes.subarray(0, readAtOnce(location, bytes, offset).bytes);
    };
    try {
      for (const { name, compressed, offset, length } of zipEntries(readAt, size)) {
        await nextTurn();
        signal.throwIfAborted();
        if (length === 0) continue;
        const raw = (): Readable => createReadStream(location, { start: offset, end: offset + length - 1, signal });
        const open = compressed ? (): Readable => through(raw(), createInflateRaw()) : raw;
        await this.#content({
          label: `${label} › ${name}`,
          size: compressed ? Infinity : length,
          named: isNamedAsPickle(name),
          beginning: compressed ? await firstBytes(open(), TRIED) : readAt(offset, Math.min(length, TRIED)),
          open,
          unpacked: compressed,
          signal,
        });
      }
    } catch (error) {
      if (!(error instanceof BrokenZip) && !isCompressionError(error)) throw error;
      this.#add(label, 'unreadable', `is an archive that cannot be read: ${(error as Error).message}`);
    }
  }

  async #compressed(content: Content, format: Format): Promise<void> {
    if (content.unpacked === true) {
      this.#tooDeep(content);
      return;
    }
    const unpack = (): Readable => through(content.open(), format === 'gzip' ? createGunzip() : createInflate());
    try {
      const beginning = await firstBytes(unpack(), TRIED);
      const unpacked = { size: Infinity, beginning, location: undefined, open: unpack, unpacked: true };
      await this.#content({ ...content, ...unpacked });
    } catch (error) {
      if (!isCompressionError(error)) throw error;
      if (content.named) this.#add(content.label, 'unreadable', `cannot be unpacked: ${(error as Error).message}`);
    }
  }

  /** An array of numpy: of objects, a pickle follows the header. */
  async #array({ label, beginning, open: reopen }: Content): Promise<void> {
    const wide = (beginning[6] ?? 1) > 1;
    const start = wide ? 12 : 10;
    const length = beginning.length < start ? 0 : wide ? beginning.readUInt32LE(8) : beginning.readUInt16LE(8);
    if (start + length > TRIED) {
      this.#add(label, 'unreadable', 'has a header larger than any array');
      return;
    }
    const header = beginning.toString('latin1', 10, start + length);
    if (holdsObjects(header)) await this.#read(label, skipping(reopen(), start + length), false);
  }

  async #pickle({ label, beginning, open: reopen }: Content): Promise<void> {
    await this.#read(label, reopen(), beginning.subarray(0, OLD_TORCH.length).equals(OLD_TORCH));
  }

  /** Reads pickles one behind the other, to the end of the last. */
  async #read(label: string, pieces: AsyncIterable<Buffer>, oldTorch: boolean): Promise<void> {
    const report = (act: Act): void => this.#judge(label, act);
    let stream = new PickleStream(report);
    let count = 0;
    for await (const piece of pieces) {
      let rest = stream.feed(piece);
      while (stream.state === 'stopped' && rest.length > 0) {
        count += 1;
        const whole = oldTorch && count >= OLD_TORCH_PICKLES;
        if (whole || (!oldTorch && !beginsAsPickle(rest))) {
          this.pickles += count;
          if (!whole) this.#add(label, 'suspicious', 'goes on behind the end of its pickle');
          return;
        }
        stream = new PickleStream(report);
        rest = stream.feed(rest);
      }
      if (stream.state === 'broken') break;
    }
    stream.end();
    this.pickles += count + 1;
    if (stream.state === 'broken') this.#add(label, 'unreadable', cutShort(stream.why));
  }

  #judge(label: string, act: Act): void {
    switch (act.act) {
      case 'import': {
        const judgement = judgeImport(act.module, act.name, this.#options.allowed);
        if (judgement === 'expected') return;
        this.#add(label, judgement === 'dangerous' ? 'dangerous' : 'suspicious', `imports ${act.module}.${act.name}`);
        return;
      }
      case 'computed import':
        this.#add(label, 'dangerous', 'imports something whose name is made while loading');
        return;
      case 'changed import':
        this.#add(label, 'dangerous', `changes ${act.module}.${act.name} while loading`);
        return;
      case 'computed call':
        this.#add(label, 'suspicious', 'calls something that is made while loading');
        return;
      case 'extension':
        this.#add(label, 'suspicious', 'uses the extension registry');
        return;
      case 'beyond limits':
        this.#add(label, 'unreadable', cutShort(act.why));
    }
  }

  #add(file: string, severity: PickleFinding['severity'], what: string): void {
    const same = this.findings.filter((finding) => finding.file === file);
    if (same.length >= MOST_FINDINGS || same.some((finding) => finding.what === what)) return;
    this.findings.push({ file, severity, what });
  }
}

/**
 * Whether content of another name is a pickle all the same: protocols 0 and 1 have no signature, and the first bytes of other formats
 * mean something to an unpickler as well (`GGUF` begins a float, `BZh` a byte string). It is one if it does something, or has an
 * end; where it begins as another format, numbers may look like an end, so that it must import something as well. Nearly all that is
 * none breaks within its first bytes: what goes on for longer than can be followed is one, too.
 */
async function isPickle({ beginning, size, open: reopen }: Content, format: Format): Promise<boolean> {
  const acts = new Set<Act['act']>();
  const stream = new PickleStream(({ act }) => acts.add(act));
  const does = (): boolean => stream.calls > 0 || DEEDS.some((act) => acts.has(act));
  const isSettled = (): boolean => stream.state !== 'reading' || does();
  stream.feed(beginning);
  // A value that would end behind the file's end is one that no unpickler can read.
  if (!isSettled() && size - beginning.length > stream.missing) {
    for await (const piece of skipping(reopen(), beginning.length)) {
      stream.feed(piece);
      if (isSettled()) break;
    }
  }
  return does() || (stream.state === 'stopped' && (format === 'unknown' || acts.size > 0));
}

function cutShort(why: string): string {
  return `is a pickle that cannot be read to its end: ${why}`;
}

async function firstBytes(stream: Readable, count: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    pieces.push(piece);
    length += piece.length;
    if (length >= count) break;
  }
  return Buffer.concat(pieces).subarray(0, count);
}

async function* skipping(stream: Readable, count: number): AsyncGenerator<Buffer> {
  let left = count;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    const rest = piece.subarray(Math.min(left, piece.length));
    left -= piece.length - rest.length;
    if (rest.length > 0) yield rest;
  }
}

/** Unpacks a stream; when either side breaks or is left, both end. */
function through(source: Readable, unpack: NodeJS.ReadWriteStream & Readable): Readable {
  source.on('error', (error) => unpack.destroy(error));
  unpack.on('close', () => source.destroy());
  source.pipe(unpack);
  return unpack;
}

function isCompressionError(error: unknown): boolean {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code?.startsWith('Z_') === true || code === 'ERR_BUFFER_TOO_LARGE';
}
