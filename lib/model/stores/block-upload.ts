import type { BlockBlobClient } from '@azure/storage-blob';
import { failureOf } from './azure-errors.ts';
import type { ObjectPart, PartUpload } from './object-store.ts';

/** Runs requests with retries. */
export type Try = <T>(signal: AbortSignal, attempt: (abortSignal: AbortSignal) => Promise<T>) => Promise<T>;

/** The blocks that Azure holds of a blob: of the blob as it is, and those of uploads that nobody has completed (for a week). */
interface HeldBlocks {
  readonly committed: readonly string[];
  readonly all: ReadonlySet<string>;
}

/**
 * An upload to Azure in blocks, which are called by their place and by the content up to their end. So a block that is there
 * already is known without its bytes, and two uploads to one name, whoever makes them, cannot mix their contents: each joins
 * exactly the blocks that it has read.
 */
export class BlockUpload implements PartUpload {
  readonly #blob: BlockBlobClient;
  readonly #try: Try;
  readonly #ids: string[] = [];
  #held: Promise<HeldBlocks> | undefined;

  constructor(blob: BlockBlobClient, attempt: Try) {
    this.#blob = blob;
    this.#try = attempt;
  }

  async send(index: number, { bytes, digest }: ObjectPart, signal: AbortSignal): Promise<boolean> {
    const id = blockId(index, digest);
    this.#ids[index] = id;
    const held = await (this.#held ??= this.#heldBlocks(signal));
    if (held.all.has(id)) return false;
    await this.#try(signal, (abortSignal) => this.#blob.stageBlock(id, bytes, bytes.length, { abortSignal }));
    return true;
  }

  async complete(count: number, signal: AbortSignal): Promise<boolean> {
    const ids = this.#ids.slice(0, count);
    return this.#try(signal, async (abortSignal) => {
      try {
        await this.#blob.commitBlockList(ids, { conditions: { ifNoneMatch: '*' }, abortSignal });
        return true;
      } catch (error) {
        const { status, code } = failureOf(error);
        // Somebody else has completed the name, which ends what was under way for it.
        const taken = status === 409 || status === 412 || code === 'InvalidBlockList' || code === 'InvalidBlobOrBlock';
        if (!taken) throw error;
        const { committed } = await this.#listBlocks(abortSignal);
        return committed.length === count && committed.every((id, index) => id === ids[index]);
      }
    });
  }

  /** Azure itself drops blocks that nobody joined, after a week and without a bill; until then the next upload finds them. */
  abandon(): Promise<void> {
    return Promise.resolve();
  }

  #heldBlocks(signal: AbortSignal): Promise<HeldBlocks> {
    return this.#try(signal, (abortSignal) => this.#listBlocks(abortSignal));
  }

  async #listBlocks(abortSignal: AbortSignal): Promise<HeldBlocks> {
    try {
      const { committedBlocks = [], uncommittedBlocks = [] } = await this.#blob.getBlockList('all', { abortSignal });
      const committed = committedBlocks.map(({ name }) => name);
      return { committed, all: new Set([...committed, ...uncommittedBlocks.map(({ name }) => name)]) };
    } catch (error) {
      if (failureOf(error).status === 404 && failureOf(error).code !== 'ContainerNotFound') {
        return { committed: [], all: new Set() };
      }
      throw error;
    }
  }
}

/** All of one length, as Azure wants it. */
function blockId(index: number, digest: Buffer): string {
  return Buffer.from(`${String(index).padStart(6, '0')} ${digest.toString('base64url')}`).toString('base64');
}
