import type { LayerIdentity } from '../packing/layer-digest.ts';
import { DeliveryError } from '../errors/delivery-error.ts';
import { readStart } from '../http/bounded-body.ts';
import { headerOf } from '../http/request.ts';
import { isPassing, isPassingError, PATIENT, wait, waitBefore } from '../http/retry.ts';
import { type BlobSource, type Piece, SourceReader } from './blob-source.ts';
import { mismatch } from './layer-source.ts';
import { type ApiAnswer, type ApiRequest, isGood, type RegistryClient } from './registry-client.ts';
import type { Scope } from './registry-auth.ts';
import { refusalIn } from './registry-errors.ts';
import { largestPiece, smallerPiece, WHOLE } from './upload-pieces.ts';

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
/** It may still pass on what it got when all of a blob was sent at once; one that takes no more has as long. */
const WHOLE_LIMIT = 5 * 60_000;
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
 * registry's own `Range` says; where the registry has forgotten the upload, it begins afresh. Where pieces lead nowhere,
 * the blob goes as `docker push` sends it: all of it in one request without a range, each time from its beginning.
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

  get #isWhole(): boolean {
    return this.#pieceSize === WHOLE;
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
    let end: number;
    let answer: ApiAnswer;
    try {
      const most = Math.max(this.#pieceSize, this.#smallestPiece);
      const piece = await this.#reader.piece(start, most, this.#smallestPiece);
      ({ end } = piece);
      if (end === start) return;
      answer = await this.#patch(start, piece);
    } catch (error) {
      this.#throwUnlessPassing(error);
      await this.#recover();
      return;
    }
    await (isGood(answer.status) ? this.#goOn(answer, start, end) : this.#tryAgain(answer, end - start));
  }

  async #patch(start: number, { end, body }: Piece): Promise<ApiAnswer> {
    const headers = {
      'content-type': 'application/octet-stream',
      ...(end === Infinity ? {} : { 'content-length': String(end - start) }),
      // With a range even the whole counts as a piece, for registries that cap these or take none.
      ...(this.#isWhole ? {} : { 'content-range': `${start}-${end - 1}` }),
    };
    const answer = await this.#client.send({
      ...this.#api('PATCH', this.#location ?? ''),
      ...(this.#isWhole ? { answerLimit: WHOLE_LIMIT } : {}),
      headers,
      body: this.#counted(body),
    });
    return { ...answer, body: await readStart(answer.body, ERROR_LIMIT) };
  }

  /** After a piece that was taken: the registry's `Range` says how much of it. */
  async #goOn(answer: ApiAnswer, start: number, end: number): Promise<void> {
    await this.#moveTo(answer);
    this.#accept(this.#isWhole ? (this.#reader.size ?? 0) : (endOfRange(headerOf(answer, 'range')) ?? end), end);
    if (this.#accepted > start) return;
    // Taken, and yet no further: the range of some registries stays at the end of the first piece.
    this.#pieceSize = WHOLE;
    await this.#recover(answer);
  }

  /** After a piece that was refused. */
  async #tryAgain(answer: ApiAnswer, size: number): Promise<void> {
    const { status } = answer;
    const hopeful = [401, 404, ...(this.#isWhole ? [] : [413, 416])];
    if (status === 413) this.#pieceSize = smallerPiece(size, this.#smallestPiece);
    if (!(isPassing(status) || hopeful.includes(status)) || this.#pieceSize < 1) throw this.#refused(answer);
    await this.#recover(answer);
  }

  /** After a failure: waits, asks the registry what it has, and begins afresh where it does not know. */
  async #recover(answer?: ApiAnswer): Promise<void> {
    this.#failures += 1;
    if (this.#failures >= MOST_FAILURES) {
      if (answer !== undefined) throw this.#refused(answer);
      throw this.#client.failed(this.#api('PATCH', ''), new Error(`the upload broke ${this.#failures} times`));
    }
    // A server that dislikes the size of a piece may just hang up on it.
    if (this.#failures > 2) this.#pieceSize = smallerPiece(this.#pieceSize, this.#smallestPiece) || this.#pieceSize;
    const retryAfter = answer && headerOf(answer, 'retry-after');
    // The first break is taken up at once; a registry that asks for a wait gets it.
    if (this.#failures > 1 || retryAfter !== undefined) {
      await wait(waitBefore(Math.max(1, this.#failures - 1), PATIENT, retryAfter), this.#upload.signal);
    }
    const end = this.#isWhole ? undefined : await this.#endThere();
    // Sent again to where it was refused, an upload would turn in circles.
    if (answer?.status === 416 && (end === undefined || end === this.#accepted)) this.#pieceSize = WHOLE;
    if (this.#isWhole || end === undefined || end > this.#reader.reached) await this.#begin();
    else this.#accept(end, end);
  }

  /** What the registry has by its own account; undefined where it does not know the upload. */
  async #endThere(): Promise<number | undefined> {
    const status = await this.#client.ask({ ...this.#api('GET', this.#location ?? '') }, [400, 401, 404, 405, 416]);
    if (!isGood(status.status)) return undefined;
    await this.#moveTo(status);
    return endOfRange(headerOf(status, 'range'));
  }

  /** Closes the upload; false where it must be tried again, with what the registry then lacks. */
  async #commit(digest: string): Promise<boolean> {
    const target = new URL(this.#location ?? '');
    target.searchParams.set('digest', digest);
    const api = { ...this.#api('PUT', target), headers: { 'content-length': '0' }, answerLimit: COMMIT_LIMIT };
    let busy: ApiAnswer | undefined;
    try {
      const answer = await this.#client.send(api);
      const body = await readStart(answer.body, ERROR_LIMIT);
      const refused = refusalIn(answer, body);
      if (isPassing(answer.status)) busy = { ...answer, body };
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
    await this.#recover(busy);
    return false;
  }

  #checkedDigest(): string {
    const digest = this.#reader.digest();
    const expected = this.#upload.digest;
    if (expected !== undefined && digest !== expected) throw mismatch(this.#upload.source.name, expected, digest);
    return digest;
  }

  #refused(answer: ApiAnswer): DeliveryError {
    return this.#client.refused(this.#api('PATCH', ''), refusalIn(answer, answer.body));
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
