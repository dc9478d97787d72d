import type { Readable } from 'node:stream';
import type { ListObjectsV2CommandOutput, S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import type { Dispatcher } from 'undici';
import { DeliveryError } from '../../errors/delivery-error.ts';
import type { DirectReader } from '../../http/direct-reader.ts';
import { MultipartUpload } from './multipart-upload.ts';
import { type ObjectAnswer, type ObjectPlace, ObjectReader, totalOf } from './object-reader.ts';
import type {
  ObjectRange,
  ObjectStore,
  PartUpload,
  StoredDocument,
  StoredObject,
  WriteCondition,
} from './object-store.ts';
import { Receivers } from './receivers.ts';
import { withRetries } from './retry.ts';
import { asIdentity, assumption, RoleKeys, type SdkConfig } from './role-keys.ts';
import type { S3Access } from './s3-access.ts';
import { conditionsUnsupported, failureOf, hasExpired, judgeFailure, objectChanged, storeError } from './s3-errors.ts';
import { requestHandler } from './s3-requests.ts';

type Sdk = typeof import('./s3-sdk.ts');

/** One request carries at most a part; even over a slow line it is through by then. */
const REQUEST_LIMIT = 10 * 60_000;
/** S3 lists no more at once. */
const LARGEST_PAGE = 1000;
/** S3 joins no more parts to an object. */
const MOST_PARTS = 10_000;

/** So many failed proofs, each by a name of its own, are not because of somebody who removes what a proof rests on. */
const MOST_PROOFS = 3;
/** An ETag that no content has. */
const NO_ETAG = '"00000000000000000000000000000000"';

/** What a store needs from outside, and limits that tests shorten. */
export interface S3StoreOptions {
  /** Sends the requests. */
  readonly dispatcher: Dispatcher;
  /** Reads the content of objects. */
  readonly direct: DirectReader;
  /** Ends the search for keys of a role. */
  readonly signal: AbortSignal;
  /** Objects listed at once. */
  readonly pageSize?: number;
}

/** How requests get their keys. */
interface Keys {
  /** Undefined: requests are not signed. */
  readonly provider: S3ClientConfig['credentials'] | undefined;
  /** Drops keys that have expired; undefined where there are no others to be had. */
  readonly forget: (() => void) | undefined;
}

/**
 * A bucket of S3, or of what speaks its protocol.
 *
 * Publishing rests on conditional writes: without them two runs could both write `model.json`. AWS has them in every region.
 * Compatible stores may not know them, and some ignore the header in silence, which is worse than a refusal. So the first
 * write to a store of another address is preceded by a proof (see `#proveConditions`); a store that fails it is refused for
 * publishing, and there is no weaker way to fall back on. Reading needs no such thing.
 */
export class S3Store implements ObjectStore {
  readonly mostParts = MOST_PARTS;
  readonly #sdk: Sdk;
  readonly #client: S3Client;
  readonly #reader: ObjectReader;
  readonly #access: S3Access;
  readonly #pageSize: number;
  readonly #forgetKeys: (() => void) | undefined;
  /** The store has answered once, so it exists. */
  #known = false;
  #conditions: Promise<void> | undefined;

  private constructor(
    { sdk, client, receivers }: { readonly sdk: Sdk; readonly client: S3Client; readonly receivers: Receivers },
    access: S3Access,
    options: S3StoreOptions,
    keys: Keys,
  ) {
    this.#sdk = sdk;
    this.#client = client;
    this.#access = access;
    this.#pageSize = options.pageSize ?? LARGEST_PAGE;
    this.#forgetKeys = keys.forget;
    this.#reader = new ObjectReader(
      {
        uriOf: (name) => this.uriOf(name),
        begin: (name, place, abortSignal) => this.#begin(name, place, abortSignal),
        retried: (name, signal, attempt, progress) => this.#try(name, signal, attempt, progress),
        changed: (name) => objectChanged(this.#access, name),
      },
      receivers,
    );
  }

  /** Opens a bucket. No request is made: what is wrong with it shows at the first use. */
  static async open(access: S3Access, options: S3StoreOptions): Promise<S3Store> {
    // Its date for the end of Node.js 20 concerns later versions of the SDK; this one is bundled as it is.
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
    // The SDK takes long to load, and a task with a wrong input never needs it.
    const sdk = await import('./s3-sdk.ts');
    const receivers = new Receivers(options.direct);
    const config = {
      region: access.region,
      requestHandler: requestHandler(options.dispatcher, receivers),
      maxAttempts: 1,
      // Nothing of the machine's own ~/.aws shall decide how a task works.
      retryMode: 'standard',
      defaultsMode: 'standard',
    } as const;
    const keys = keysOf(sdk, access, config, options.signal);
    const client = new sdk.S3Client({
      ...config,
      ...(access.endpoint === undefined ? {} : { endpoint: access.endpoint, forcePathStyle: access.pathStyle }),
      ...(keys.provider === undefined ? UNSIGNED : { credentials: keys.provider }),
      // The signature covers a SHA-256 of what is sent already; compatible stores do not know AWS's newer checksums.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      expectContinueHeader: false,
    });
    return new S3Store({ sdk, client, receivers }, access, options, keys);
  }

  get container(): string {
    return this.#access.bucket;
  }

  uriOf(name: string): string {
    const { endpoint, bucket } = this.#access;
    const path = [bucket, ...(name === '' ? [] : name.split('/'))].map(encodeURIComponent).join('/');
    return endpoint === undefined ? `s3://${path}` : `${endpoint}/${path}`;
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    for await (const { Contents = [] } of this.#pages({ Prefix: prefix }, signal)) {
      for (const {
        Key: name = '',
        Size: size = 0,
        ETag: etag = '',
        LastModified: modified = new Date(0),
      } of Contents) {
        // The console makes "folders" of empty objects.
        if (name.endsWith('/') && size === 0) continue;
        // An ETag is the MD5 of some objects, but not of those that were joined of parts or encrypted with a key of KMS,
        // and a listing does not tell the latter: a check against it would refuse sound models.
        yield { name, size, etag, modified, md5: undefined };
      }
    }
  }

  async *listFolders(prefix: string, signal: AbortSignal): AsyncGenerator<string> {
    for await (const { CommonPrefixes = [] } of this.#pages({ Prefix: prefix, Delimiter: '/' }, signal)) {
      for (const { Prefix = '' } of CommonPrefixes) yield Prefix.slice(prefix.length).replace(/\/$/, '');
    }
  }

  // eslint-disable-next-line @typescript-eslint/require-await, require-yield -- it refuses where others list
  async *listTagged(): AsyncGenerator<StoredObject> {
    throw new DeliveryError('TAGS_UNSUPPORTED', {
      message: `S3 has no index of tags, so objects of the bucket ${this.#access.bucket} cannot be found by them.`,
      remedy: 'Choose another select, or let channels of a managed store name what tags would.',
    });
  }

  read(name: string, signal: AbortSignal): Promise<StoredDocument | undefined> {
    return this.#reader.read(name, signal);
  }

  readRange(range: ObjectRange, into: Buffer, signal: AbortSignal): Promise<void> {
    return this.#reader.readRange(range, into, signal);
  }

  async write(name: string, bytes: Uint8Array, condition: WriteCondition, signal: AbortSignal): Promise<boolean> {
    await this.#proveConditions(name, signal);
    return this.#put(name, bytes, condition, signal);
  }

  startUpload(name: string): PartUpload {
    return new MultipartUpload({
      sdk: this.#sdk,
      client: this.#client,
      object: { ...this.#bucket, Key: name },
      attempt: (signal, attempt) => this.#try(name, signal, attempt),
      // What could not become a version in the end need not be sent.
      mayBegin: (signal) => this.#proveConditions(name, signal),
    });
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    const command = new this.#sdk.DeleteObjectCommand({ ...this.#bucket, Key: name });
    await this.#try(name, signal, (abortSignal) => this.#client.send(command, { abortSignal }));
  }

  async removeState(name: string, etag: string, signal: AbortSignal): Promise<boolean> {
    const command = new this.#sdk.DeleteObjectCommand({ ...this.#bucket, Key: name, IfMatch: etag });
    return this.#ifMet(
      name,
      signal,
      (abortSignal) => this.#client.send(command, { abortSignal }),
      () => this.remove(name, signal),
    );
  }

  get #bucket(): { readonly Bucket: string } {
    return { Bucket: this.#access.bucket };
  }

  /** Begins to read an object. Whoever gets its body reads it to the end or destroys it. */
  async #begin(
    name: string,
    { offset = 0, length, etag }: Partial<ObjectPlace>,
    abortSignal: AbortSignal,
  ): Promise<ObjectAnswer> {
    const conditions = {
      ...(length === undefined ? {} : { Range: `bytes=${offset}-${offset + length - 1}` }),
      ...(etag === undefined ? {} : { IfMatch: etag }),
    };
    const command = new this.#sdk.GetObjectCommand({ ...this.#bucket, Key: name, ...conditions });
    const answer = await this.#client.send(command, { abortSignal });
    return {
      body: answer.Body as Readable,
      length: answer.ContentLength ?? 0,
      total: totalOf(answer.ContentRange),
      etag: answer.ETag ?? '',
    };
  }

  async #put(name: string, bytes: Uint8Array, condition: WriteCondition, signal: AbortSignal): Promise<boolean> {
    const conditions = condition === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.etag };
    const command = new this.#sdk.PutObjectCommand({ ...this.#bucket, Key: name, Body: bytes, ...conditions });
    return this.#ifMet(
      name,
      signal,
      (abortSignal) => this.#client.send(command, { abortSignal }),
      (refusal) => Promise.reject(conditionsUnsupported(this.#access, refusal)),
    );
  }

  /**
   * Sends a request under a condition, with retries. False: that did not hold.
   *
   * @param otherwise in its place at a compatible store that knows no such condition, and says so
   */
  #ifMet(
    name: string,
    signal: AbortSignal,
    send: (signal: AbortSignal) => Promise<unknown>,
    otherwise: (refusal: unknown) => Promise<void>,
  ): Promise<boolean> {
    return this.#try(name, signal, async (abortSignal) => {
      try {
        await send(abortSignal);
      } catch (error) {
        const { status, code } = failureOf(error);
        // An object that is gone cannot have the ETag either.
        if (status === 412 || code === 'NoSuchKey') return false;
        if (status !== 501) throw error;
        await otherwise(error);
      }
      return true;
    });
  }

  /**
   * Makes sure once that a store which is not AWS keeps to both conditions: that it creates nothing twice, and replaces
   * the state that is named and no other. The name is new and beside the first object to be written, so that whoever
   * may write the one may write the other.
   */
  #proveConditions(name: string, signal: AbortSignal): Promise<void> {
    if (this.#access.endpoint === undefined) return Promise.resolve();
    this.#conditions ??= this.#tryConditions(name, signal);
    return this.#conditions;
  }

  /**
   * One proof that fails proves nothing: whoever has just published the same version clears it of what others have written,
   * and without its object a condition holds rightly. That happens once, before the next proof begins.
   */
  async #tryConditions(name: string, signal: AbortSignal): Promise<void> {
    for (let proof = 1; proof <= MOST_PROOFS; proof++) {
      if (await this.#keepsConditions(`${name}.${crypto.randomUUID()}`, signal)) return;
    }
    throw conditionsUnsupported(this.#access);
  }

  async #keepsConditions(probe: string, signal: AbortSignal): Promise<boolean> {
    const bytes = Buffer.from('Written to see whether this store keeps to conditions. May be deleted.\n');
    try {
      await this.#put(probe, bytes, 'absent', signal);
      for (const condition of ['absent', { etag: NO_ETAG }] as const) {
        if (await this.#put(probe, bytes, condition, signal)) return false;
      }
      const there = await this.read(probe, signal);
      return there !== undefined && (await this.#put(probe, bytes, { etag: there.etag }, signal));
    } finally {
      await this.remove(probe, signal).catch(() => undefined);
    }
  }

  /** The pages of a listing, each fetched with retries of its own. */
  async *#pages(
    what: { readonly Prefix: string; readonly Delimiter?: string },
    signal: AbortSignal,
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    for (let token: string | undefined; token !== '';) {
      const from = token === undefined ? {} : { ContinuationToken: token };
      const command = new this.#sdk.ListObjectsV2Command({
        ...this.#bucket,
        ...what,
        MaxKeys: this.#pageSize,
        ...from,
      });
      const page = await this.#try('', signal, (abortSignal) => this.#client.send(command, { abortSignal }));
      yield page;
      token = page.NextContinuationToken ?? '';
    }
  }

  /** Runs requests about an object with retries; what fails for good is told in this project's terms. */
  async #try<T>(
    name: string,
    signal: AbortSignal,
    attempt: (abortSignal: AbortSignal) => Promise<T>,
    progress?: () => number,
  ): Promise<T> {
    const limited = async (): Promise<T> => {
      const answer = await attempt(AbortSignal.any([signal, AbortSignal.timeout(REQUEST_LIMIT)]));
      this.#known = true;
      return answer;
    };
    const judge = (error: unknown) => {
      if (hasExpired(error)) this.#forgetKeys?.();
      return judgeFailure(error, { known: this.#known, renews: this.#forgetKeys !== undefined });
    };
    try {
      return await withRetries(limited, { signal, judge, ...(progress === undefined ? {} : { progress }) });
    } catch (error) {
      signal.throwIfAborted();
      throw storeError(error, this.#access, name);
    }
  }
}

/** The SDK signs by default and asks for keys it does not need. */
const UNSIGNED: Pick<S3ClientConfig, 'credentials' | 'signer'> = {
  credentials: { accessKeyId: '', secretAccessKey: '' },
  signer: { sign: (request) => Promise.resolve(request) },
};

function keysOf(sdk: Sdk, { credential }: S3Access, config: SdkConfig, signal: AbortSignal): Keys {
  switch (credential.kind) {
    case 'anonymous':
      return { provider: undefined, forget: undefined };
    case 'keys':
      return { provider: asIdentity(credential), forget: undefined };
    case 'role': {
      const role = new RoleKeys(assumption(sdk, credential, config, signal));
      // The SDK would keep what it got until 5 minutes before the end by its own clock; a way to keys that keeps them itself is asked each time.
      return { provider: Object.assign(() => role.keys(), { memoized: true }), forget: () => role.forget() };
    }
  }
}
