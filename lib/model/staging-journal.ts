import { type FileHandle, open, readFile } from 'node:fs/promises';

/** How far a file has come: so many of its bytes are there, and this is their SHA-256. */
export interface Mark {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * What a fetch writes down while it works, so that another can go on where it stopped: a line for what is fetched, then one for each
 * piece that was written. Nothing in it is believed: what a mark says is compared with the bytes that are there.
 */
export class StagingJournal {
  readonly #handle: FileHandle;
  /** The last mark of each file. */
  readonly #marks: Map<string, Mark>;
  /** Lines that wait for those before them to be written. */
  #waiting = '';
  #writing: Promise<void> = Promise.resolve();

  private constructor(handle: FileHandle, marks: Iterable<readonly [string, Mark]>) {
    this.#handle = handle;
    this.#marks = new Map(marks);
  }

  /** Begins a journal, or goes on with the one that is there for the same content. */
  static async open(file: string, fingerprint: string): Promise<StagingJournal> {
    const marks = await readMarks(file, fingerprint);
    const handle = await open(file, marks === undefined ? 'w' : 'a');
    // The last line of a killed process may have no end.
    await handle.appendFile(marks === undefined ? `${JSON.stringify({ fingerprint })}\n` : '\n');
    return new StagingJournal(handle, marks ?? []);
  }

  /** Bytes of all files that have come so far. */
  get bytes(): number {
    return [...this.#marks.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  markOf(path: string): Mark | undefined {
    return this.#marks.get(path);
  }

  /** Returns once the mark is written: of many at once, several with one write. */
  async mark({ path, bytes, sha256 }: Mark): Promise<void> {
    this.#marks.set(path, { path, bytes, sha256 });
    const first = this.#waiting === '';
    this.#waiting += `${JSON.stringify({ path, bytes, sha256 })}\n`;
    if (first) this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  async #write(): Promise<void> {
    const lines = this.#waiting;
    this.#waiting = '';
    await this.#handle.appendFile(lines);
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#handle.close();
  }
}

/** The marks of a journal; undefined where there is none, or one of other content. */
async function readMarks(file: string, fingerprint: string): Promise<ReadonlyMap<string, Mark> | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const [first, ...lines] = text.split('\n').map(parsed);
  if (first?.fingerprint !== fingerprint) return undefined;
  return new Map(lines.filter(isMark).map((mark) => [mark.path, mark]));
}

type Line = Partial<Mark> & { readonly fingerprint?: unknown };

function parsed(line: string): Line | undefined {
  try {
    return (JSON.parse(line) as Line | null) ?? undefined;
  } catch {
    return undefined;
  }
}

function isMark(line: Line | undefined): line is Mark {
  return typeof line?.path === 'string' && Number.isSafeInteger(line.bytes) && typeof line.sha256 === 'string';
}
