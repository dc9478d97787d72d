import type { LayerIdentity } from '../packing/layer-digest.ts';
import { DeliveryError } from '../errors/delivery-error.ts';
import { readStart } from '../http/bounded-body.ts';
import { headerOf } from '../http/request.ts';
import { isPassing, isPassingError, PATIENT, wait, waitBefore } from '../http/retry.ts';
import { type BlobSource, SourceReader } from './blob-source.ts';
import { mismatch } from './layer-source.ts';
import { type ApiAnswer, type ApiRequest, isGood, type RegistryClient } from './registry-client.ts';
import type { Scope } from './registry-auth.ts';
import { type Refusal, refusalIn } from './registry-errors.ts';
import { largestPiece, smallerPiece } from './upload-pieces.ts';

/** One blob on its way into a repository. */
export interface UploadRequest {
  readonly repository: string;
  readonly source: BlobSource;
  /** What the digest of the bytes must be; left out: whatever it is. */
  readonly digest?: string | undefined;
  /** A blob of the registry that would do in place of the bytes; left out: none. */
  readonly mount?: LayerIdentity | undefined;
  /** Another repository of the registry that may have that blob. */
  readonly mountFrom?: string | undefined;
  /** Told of each byte that goes out. */
  readonly onSent: (bytes: number) => void;
  /** See {@link BlobSource.open}. */
  readonly onRead?: (position: number) => void;
  readonly signal: AbortSignal;
}

export interface Uploaded {
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  /** True where the registry took the blob over from another repository. */
  readonly mounted: boolean;
}

/** A registry may verify a very large blob before it answers the last request. */
const COMMIT_LIMIT = 15 * 60_000;
/** Failures in a row, without a byte more accepted than ever before, after which an upload is given up. */
const MOST_FAILURES = 6;
const ERROR_LIMIT = 64 * 1024;
/**
 * What registries say, and keep saying, that do not mount; by specification they would just open an upload. Whether that can be
 * opened shows next.
 */
const MOUNT_REFUSALS = [400, 401, 403, 404, 405, 409, 422, 429, 500, 501, 502, 503];

/**
 * Sends a blob by the distribution specification's chunked upload ("Pushing a blob in chunks"): pieces in order, each
 * with its range, each to the location that the answer before it named. A piece that breaks is taken up where the
 * registry's own `Range` says; where the registry has forgotten the upload, it begins afresh.
 *
 * @throws DeliveryError `LAYER_DIGEST_MISMATCH`, and what the registry or the source makes fail
 */
export async function uploadBlob(client: RegistryClient, upload: UploadRequest): Promise<Uploaded> {
  const session = new UploadSession(client, upload);
  try {
    return await session.run();
  } catch (error) {
    await session.abandon();
    throw error;
  } finally {
    session.close();
  }
}

class UploadSession {
  readonly #client: RegistryClient;
  readonly #upload: UploadRequest;
  readonly #reader: SourceReader;
  readonly #scopes: readonly Scope[];
  #location: URL | undefined;
  /** Bytes that the registry has. */
  #accepted = 0;
  /** The most it ever had: only getting beyond counts as progress. */
  #furthest = 0;
  #failures = 0;
  #pieceSize: number;
  #smallestPiece = 1;

  constructor(client: RegistryClient, upload: UploadRequest) {
    this.#client = client;
    this.#upload = upload;
    this.#reader = new SourceReader(upload.source, upload.signal, upload.onRead);
    this.#scopes = scopesOf(upload);
    this.#pieceSize = largestPiece(client.registry);
  }

  async run(): Promise<Uploaded> {
    const { mount } = this.#upload;
    if (mount === undefined) await this.#begin();
    else if (await this.#begin(mount.digest)) return { ...mount, mounted: true };
    for (;;) {
      while (this.#accepted !== this.#reader.size) await this.#sendPiece();
      const digest = this.#checkedDigest();
      if (await this.#commit(digest)) return { digest, size: this.#accepted, mounted: false };
    }
  }

  close(): void {
    this.#reader.close();
  }

  /** Tells the registry that nothing more will come; whether it listens does not matter. */
  async abandon(): Promise<void> {
    if (this.#location === undefined) return;
    const signal = AbortSignal.timeout(2000);
    const answer = this.#client.send({ ...this.#api('DELETE', this.#location), signal });
    await answer.then(({ body }) => readStart(body, ERROR_LIMIT)).catch(() => undefined);
  }

  /** Opens an upload; true where the registry mounted the blob instead. */
  async #begin(mount?: string): Promise<boolean> {
    const { repository, mountFrom } = this.#upload;
    const query = new URLSearchParams();
    if (mount !== undefined) query.set('mount', mount);
    // Without a source the registry may look by itself ("automatic content discovery"), or just open an upload.
    if (mount !== undefined && mountFrom !== undefined) query.set('from', mountFrom);
    const target = `${repository}/blobs/uploads/${query.size > 0 ? `?${query.toString()}` : ''}`;
    const api = { ...this.#api('POST', target), headers: { 'content-length': '0' } };
    const answer = await this.#client.ask(api, mount === undefined ? [] : MOUNT_REFUSALS);
    if (answer.status === 201 && mount !== undefined) return true;
    if (!isGood(answer.status)) return this.#begin();
    this.#smallestPiece = Number(headerOf(answer, 'oci-chunk-min-length') ?? 1) || 1;
    this.#accepted = 0;
    await this.#moveTo(answer);
    return false;
  }

  async #sendPiece(): Promise<void> {
    const start = this.#accepted;
    const most = Math.max(this.#pieceSize, this.#smallestPiece);
    let end: number;
    let refused: Refusal;
    let retryAfter: string | undefined;
    try {
      const piece = await this.#reader.piece(start, most, this.#smallestPiece);
      ({ end } = piece);
      if (end === start) return;
      const headers = {
        'content-type': 'application/octet-stream',
        'content-length': String(end - start),
        'content-range': `${start}-${end - 1}`,
      };
      const body = this.#counted(piece.body);
      const answer = await this.#client.send({ ...this.#api('PATCH', this.#location ?? ''), headers, body });
      const text = await readStart(answer.body, ERROR_LIMIT);
      if (isGood(answer.status)) {
        await this.#moveTo(answer);
        this.#accept(endOfRange(headerOf(answer, 'range')) ?? end, end);
        return;
      }
      refused = refusalIn(answer, text);
      retryAfter = headerOf(answer, 'retry-after');
    } catch (error) {
      this.#throwUnlessPassing(error);
      await this.#recover(undefined);
      return;
    }
    const { status } = refused;
    if (status === 413) this.#pieceSize = smallerPiece(end - start, this.#smallestPiece);
    const hopeful = isPassing(status) || [401, 404, 413, 416].includes(status);
    if (!hopeful || this.#pieceSize < 1) throw this.#client.refused(this.#api('PATCH', ''), refused);
    await this.#recover(retryAfter, () => this.#client.refused(this.#api('PATCH', ''), refused));
  }

  /** After a failure: waits, asks the registry what it has, and begins afresh where it does not know. */
  async #recover(retryAfter: string | undefined, giveUp?: () => DeliveryError): Promise<void> {
    this.#failures += 1;
    if (this.#failures >= MOST_FAILURES) {
      throw (
        giveUp?.() ?? this.#client.failed(this.#api('PATCH', ''), new Error(`the upload broke ${this.#failures} times`))
      );
    }
    // A server that dislikes the size of a piece may just hang up on it.
    if (this.#failures > 2) this.#pieceSize = smallerPiece(this.#pieceSize, this.#smallestPiece) || this.#pieceSize;
    if (this.#failures > 1) await wait(waitBefore(this.#failures - 1, PATIENT, retryAfter), this.#upload.signal);
    const status = await this.#client.ask({ ...this.#api('GET', this.#location ?? '') }, [400, 401, 404, 405, 416]);
    const end = isGood(status.status) ? endOfRange(headerOf(status, 'range')) : undefined;
    if (end === undefined || end > this.#reader.reached) {
      await this.#begin();
      return;
    }
    if (headerOf(status, 'location') !== undefined) await this.#moveTo(status);
    this.#accept(end, end);
  }

  /** Closes the upload; false where it must be tried again, with what the registry then lacks. */
  async #commit(digest: string): Promise<boolean> {
    const target = new URL(this.#location ?? '');
    target.searchParams.set('digest', digest);
    const api = { ...this.#api('PUT', target), headers: { 'content-length': '0' }, answerLimit: COMMIT_LIMIT };
    try {
      const answer = await this.#client.send(api);
      const refused = refusalIn(answer, await readStart(answer.body, ERROR_LIMIT));
      if (isGood(answer.status)) return true;
      if (refused.code === 'DIGEST_INVALID')
        throw mismatch(this.#upload.source.name, digest, 'what the registry received');
      if (!isPassing(answer.status) && answer.status !== 404 && answer.status !== 416) {
        throw this.#client.refused(api, refused);
      }
    } catch (error) {
      this.#throwUnlessPassing(error);
    }
    // Perhaps only the answer was lost.
    const there = await this.#client.ask({ ...this.#api('HEAD', `${this.#upload.repository}/blobs/${digest}`) }, [404]);
    if (there.status !== 404) return true;
    await this.#recover(undefined);
    return false;
  }

  #checkedDigest(): string {
    const digest = this.#reader.digest();
    const expected = this.#upload.digest;
    if (expected !== undefined && digest !== expected) throw mismatch(this.#upload.source.name, expected, digest);
    return digest;
  }

  #accept(end: number, most: number): void {
    this.#accepted = Math.min(end, most);
    if (this.#accepted <= this.#furthest) return;
    this.#furthest = this.#accepted;
    this.#failures = 0;
  }

  async #moveTo(answer: Pick<ApiAnswer, 'headers'>): Promise<void> {
    const location = headerOf(answer, 'location');
    if (location === undefined) return;
    this.#location = await this.#client.addressOf(location, this.#upload.signal);
  }

  async *#counted(piece: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of piece) {
      yield chunk;
      this.#upload.onSent(chunk.length);
    }
  }

  #throwUnlessPassing(error: unknown): void {
    this.#upload.signal.throwIfAborted();
    if (this.#reader.failure !== undefined) throw this.#reader.failure;
    if (error instanceof DeliveryError) throw error;
    if (!isPassingError(error)) throw this.#client.failed(this.#api('PATCH', ''), error);
  }

  #api(method: ApiRequest['method'], target: string | URL): ApiRequest {
    const { repository, source, signal } = this.#upload;
    const doing = `push ${source.name} to ${repository}`;
    return { method, target, scopes: this.#scopes, doing, signal };
  }
}

function scopesOf({ repository, mountFrom }: UploadRequest): readonly Scope[] {
  const own: Scope = { repository, actions: 'pull,push' };
  return mountFrom === undefined ? [own] : [own, { repository: mountFrom, actions: 'pull' }];
}

/** `0-1023` means that 1,024 bytes are there; `0-0` is what some registries say when there are none. */
function endOfRange(range: string | undefined): number | undefined {
  const end = /^(?:bytes[= ])?0-(\d+)/.exec(range ?? '')?.[1];
  if (end === undefined) return undefined;
  return end === '0' ? 0 : Number(end) + 1;
}
