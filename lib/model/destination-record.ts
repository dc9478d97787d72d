import { readFile, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DigestedFile } from './model-digest.ts';

/** A file that was verified, and the time of its last change by then. */
export interface RecordedFile extends DigestedFile {
  /** In milliseconds since 1970. */
  readonly modified: number;
}

/** A model that was put into a destination. */
export interface RecordedModel {
  /** See `ResolvedModel`. */
  readonly fingerprint: string;
  readonly uri: string;
  readonly files: readonly RecordedFile[];
}

interface RecordDocument {
  readonly about: string;
  readonly models: readonly RecordedModel[];
}

const ABOUT =
  'What FetchLatestModel put into the folder beside this file. Delete it freely: the next fetch wants an empty folder then.';

/** The hidden file beside a destination that tells what was put there. */
export class DestinationRecord {
  readonly #file: string;

  constructor(destination: string) {
    this.#file = join(dirname(destination), `.${basename(destination)}.model-delivery.json`);
  }

  /** What may be there: usually one model, two where a change was cut short, none where there is no usable record. */
  async models(): Promise<readonly RecordedModel[]> {
    try {
      return (JSON.parse(await readFile(this.#file, 'utf8')) as RecordDocument).models.filter(({ files }) =>
        Array.isArray(files),
      );
    } catch {
      // Without a record nothing in the destination is known, which is safe: it is refused unless it is empty.
      return [];
    }
  }

  /** Paths of all files that a fetch may have put there. */
  async paths(): Promise<ReadonlySet<string>> {
    return new Set((await this.models()).flatMap(({ files }) => files.map(({ path }) => path)));
  }

  /** Adds a model that is about to take its place. */
  async announce(model: RecordedModel): Promise<void> {
    await this.#write([model, ...(await this.models())]);
  }

  /** Leaves only the model that has taken its place. */
  async settle(model: RecordedModel): Promise<void> {
    await this.#write([model]);
  }

  async #write(models: readonly RecordedModel[]): Promise<void> {
    const document: RecordDocument = { about: ABOUT, models };
    const draft = `${this.#file}.${process.pid}`;
    await writeFile(draft, `${JSON.stringify(document, null, 1)}\n`);
    await rename(draft, this.#file);
  }
}
