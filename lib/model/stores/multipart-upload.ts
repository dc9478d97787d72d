import { createHash } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Try } from './block-upload.ts';
import type { ObjectPart, PartUpload } from './object-store.ts';
import { failureOf } from './s3-errors.ts';

type Sdk = typeof import('./s3-sdk.ts');

/** What an upload needs of its store. */
export interface MultipartSurroundings {
  readonly sdk: Sdk;
  readonly client: S3Client;
  readonly object: { readonly Bucket: string; readonly Key: string };
  readonly attempt: Try;
  /** Must succeed before anything is sent. */
  readonly mayBegin: (signal: AbortSignal) => Promise<void>;
}

/**
 * An upload to S3 in parts. What is not completed has to be paid for, so it is aborted, and nothing is taken over from an
 * earlier upload: of one that was killed, a lifecycle rule of the bucket rids it.
 */
export class MultipartUpload implements PartUpload {
  readonly #on: MultipartSurroundings;
  readonly #etags = new Map<number, string>();
  #begun: Promise<string> | undefined;

  constructor(surroundings: MultipartSurroundings) {
    this.#on = surroundings;
  }

  async send(index: number, { bytes }: ObjectPart, signal: AbortSignal): Promise<boolean> {
    const { sdk, client, object, attempt } = this.#on;
    this.#begun ??= this.#begin(signal);
    const part = { ...object, UploadId: await this.#begun, PartNumber: index + 1, Body: bytes };
    await attempt(signal, async (abortSignal) => {
      const { ETag = '' } = await client.send(new sdk.UploadPartCommand(part), { abortSignal });
      this.#etags.set(index, ETag);
    });
    return true;
  }

  async complete(count: number, signal: AbortSignal): Promise<boolean> {
    const { sdk, client, object, attempt } = this.#on;
    const etags = Array.from({ length: count }, (_, index) => this.#etags.get(index) ?? '');
    const Parts = etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 }));
    const upload = { ...object, UploadId: await this.#begun, MultipartUpload: { Parts }, IfNoneMatch: '*' };
    const completed = await attempt(signal, async (abortSignal) => {
      try {
        await client.send(new sdk.CompleteMultipartUploadCommand(upload), { abortSignal });
        return true;
      } catch (error) {
        const { code, status } = failureOf(error);
        if (status !== 412 && code !== 'NoSuchUpload') throw error;
        // Somebody was faster, or this very upload was and the answer got lost: what is there tells.
        return false;
      }
    });
    if (completed) return true;
    await this.abandon(signal);
    const there = await attempt(signal, (abortSignal) =>
      client.send(new sdk.HeadObjectCommand(object), { abortSignal }),
    );
    return withoutQuotes(there.ETag ?? '') === joinedEtag(etags);
  }

  async abandon(signal: AbortSignal): Promise<void> {
    const { sdk, client, object, attempt } = this.#on;
    const UploadId = await this.#begun?.catch(() => undefined);
    if (UploadId === undefined) return;
    await attempt(signal, async (abortSignal) => {
      try {
        await client.send(new sdk.AbortMultipartUploadCommand({ ...object, UploadId }), { abortSignal });
      } catch (error) {
        if (failureOf(error).code !== 'NoSuchUpload') throw error;
      }
    });
  }

  async #begin(signal: AbortSignal): Promise<string> {
    const { sdk, client, object, attempt, mayBegin } = this.#on;
    await mayBegin(signal);
    const command = new sdk.CreateMultipartUploadCommand(object);
    const { UploadId = '' } = await attempt(signal, (abortSignal) => client.send(command, { abortSignal }));
    return UploadId;
  }
}

/** The ETag of an object that was joined of these parts. With a key of KMS it is another; then it matches nothing, which is safe. */
function joinedEtag(etags: readonly string[]): string {
  const hash = createHash('md5');
  for (const etag of etags) hash.update(withoutQuotes(etag), 'hex');
  return `${hash.digest('hex')}-${etags.length}`;
}

function withoutQuotes(etag: string): string {
  return etag.replaceAll('"', '');
}
