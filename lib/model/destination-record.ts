import { readFile, realpath, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DocumentReader } from './document.ts';
import { readSource } from './manifest.ts';
import { type DigestedFile, modelDigest } from './model-digest.ts';
import type { ResolvedModel } from './resolved-model.ts';

/** What the store that a model came from says of it. */
export type ModelLineage = Pick<ResolvedModel, 'name' | 'version' | 'uri' | 'properties' | 'source'>;

/** A file that was verified, and the time of its last change by then. */
export interface RecordedFile extends DigestedFile {
  /** In milliseconds since 1970. */
  readonly modified: number;
}

/** A model that was put into a destination. */
export interface RecordedModel {
  /** See `ResolvedModel`. */
  readonly fingerprint: string;
  /** Undefined in records of earlier times. */
  readonly lineage: ModelLineage | undefined;
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
      const document = DocumentReader.parse(await readFile(this.#file, 'utf8'), this.#file);
      return document.list('models').map(readModel);
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

export function lineageOf({ name, version, uri, properties, source }: ResolvedModel): ModelLineage {
  return { name, version, uri, properties, source };
}

/**
 * What was said of the model in a folder when a fetch put it there; undefined where nothing was recorded, or of other bytes.
 *
 * @param folder the destination of the fetch, absolute, or a link to it
 * @param digest of what is in the folder now, see {@link modelDigest}
 */
export async function recordedLineage(folder: string, digest: string): Promise<ModelLineage | undefined> {
  const models = await new DestinationRecord(await realpath(folder)).models();
  return models.find(({ files }) => modelDigest(files) === digest)?.lineage;
}

function readModel(model: DocumentReader): RecordedModel {
  return {
    fingerprint: model.text('fingerprint'),
    lineage: model.has('lineage') ? readLineage(model.object('lineage')) : undefined,
    files: model.list('files').map((file) => ({
      path: file.text('path'),
      size: file.count('size'),
      sha256: file.text('sha256'),
      modified: file.number('modified'),
    })),
  };
}

function readLineage(lineage: DocumentReader): ModelLineage {
  return {
    name: lineage.text('name'),
    version: lineage.text('version'),
    uri: lineage.text('uri'),
    properties: lineage.texts('properties'),
    source: readSource(lineage.object('source')),
  };
}
