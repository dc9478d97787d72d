import type { Readable } from 'node:stream';
import type { ContainerClient, RequestPolicyFactory } from '@azure/storage-blob';
import { DeliveryError } from '../../errors/delivery-error.ts';
import { createDirectReader, createDispatcher, type NetworkSettings } from '../../http/dispatcher.ts';
import { type AzureAccess, checkTransport } from './azure-access.ts';
import { blobChanged, failureOf, judgeFailure, storeError } from './azure-errors.ts';
import { StorageRequests } from './azure-requests.ts';
import { BlockUpload } from './block-upload.ts';
import { type ObjectAnswer, type ObjectPlace, ObjectReader, totalOf } from './object-reader.ts';
import type {
  ObjectRange,
  ObjectStore,
  PartUpload,
  StoredDocument,
  StoredObject,
  WriteCondition,
} from './object-store.ts';
import { Slots } from '../slots.ts';
import { STORE_LIMITS } from './peer-limits.ts';
import { Receivers } from './receivers.ts';
import { withRetries } from './retry.ts';

/** One request carries at most a few MiB; even over a slow line it is through by then. */
const REQUEST_LIMIT = 10 * 60_000;
/** Blobs of which the properties are asked for at once. */
const LOOKUPS_AT_ONCE = 16;
/** Azure joins no more blocks to a blob. */
const MOST_PARTS = 50_000;
/** Azure lists no more at once. */
const LARGEST_PAGE = 5000;
/** How Azure says that the condition of a request did not hold. Its status alone, 412, may also speak of a lease. */
const NOT_MET = ['ConditionNotMet', 'BlobAlreadyExists'];
/** Azure removes no blob of which somebody has made a snapshot, unless its snapshots go with it. */
const WHOLE = { deleteSnapshots: 'include' } as const;

interface PageSettings {
  readonly maxPageSize: number;
  readonly continuationToken?: string;
}

/** How a store is reached, and limits that tests shorten. */
export interface AzureStoreOptions {
  /** The agent's proxy and certificate authorities. */
  readonly network?: NetworkSettings;
  /** In milliseconds. */
  readonly idleLimit?: number;
  /** In milliseconds. */
  readonly connectLimit?: number;
  /** Blobs listed at once. */
  readonly pageSize?: number;
}

/** A container of Azure Blob Storage, or of what speaks its protocol. */
export class AzureBlobStore implements ObjectStore {
  readonly mostParts = MOST_PARTS;
  readonly #client: ContainerClient;
  readonly #reader: ObjectReader;
  readonly #access: AzureAccess;
  readonly #pageSize: number;
  /** The store has answered once, so it exists. */
  #known = false;

  private constructor(
    { client, receivers }: { readonly client: ContainerClient; readonly receivers: Receivers },
    access: AzureAccess,
    pageSize: number,
  ) {
    this.#client = client;
    this.#access = access;
    this.#pageSize = pageSize;
    this.#reader = new ObjectReader(
      {
        uriOf: (name) => this.uriOf(name),
        begin: (name, place, abortSignal) => this.#begin(name, place, abortSignal),
        retried: (name, signal, attempt, progress) => this.#try(name, signal, attempt, progress),
        changed: (name) => blobChanged(this.#access, name),
      },
      receivers,
    );
  }

  /** Opens a container. No request is made: what is wrong with it shows at the first use. */
  static async open(access: AzureAccess, options: AzureStoreOptions = {}): Promise<AzureBlobStore> {
    checkTransport(access);
    // The SDK takes longer to load than all the rest together, and a task with a wrong input never needs it.
    const sdk = await import('@azure/storage-blob');
    const { endpoint, account, container, credential } = access;
    const { network = {}, connectLimit = STORE_LIMITS.connect, idleLimit = STORE_LIMITS.idle } = options;
    const limits = { connect: connectLimit, idle: idleLimit };
    const receivers = new Receivers(createDirectReader(network, process.env, limits));
    const pipeline = sdk.newPipeline(
      credential.kind === 'key'
        ? new sdk.StorageSharedKeyCredential(account, credential.accountKey)
        : new sdk.AnonymousCredential(),
      {
        retryOptions: { maxTries: 1 },
        httpClient: new StorageRequests(createDispatcher(network, process.env, limits), receivers),
      },
    );
    if (credential.kind === 'token') pipeline.factories.push(bearing(credential.token, endpoint));
    const sas = credential.kind === 'sas' ? `?${credential.token}` : '';
    const url = `${endpoint}/${encodeURIComponent(container)}${sas}`;
    const client = new sdk.ContainerClient(url, pipeline);
    return new AzureBlobStore({ client, receivers }, access, options.pageSize ?? LARGEST_PAGE);
  }

  get container(): string {
    return this.#access.container;
  }

  uriOf(name: string): string {
    const path = [this.#access.container, ...(name === '' ? [] : name.split('/'))].map(encodeURIComponent).join('/');
    return `${this.#access.endpoint}/${path}`;
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    const pages = this.#pages(signal, (abortSignal, from) =>
      this.#client.listBlobsFlat({ prefix, includeMetadata: true, abortSignal }).byPage(from),
    );
    for await (const { segment } of pages) {
      for (const { name, properties, metadata } of segment.blobItems) {
        // Accounts with folders of their own list each as an empty blob.
        if (metadata?.hdi_isfolder === 'true') continue;
        const { contentLength: size = 0, etag, lastModified: modified, contentMD5 } = properties;
        yield { name, size, etag, modified, md5: contentMD5 && Buffer.from(contentMD5).toString('hex') };
      }
    }
  }

  async *listFolders(prefix: string, signal: AbortSignal): AsyncGenerator<string> {
    const pages = this.#pages(signal, (abortSignal, from) =>
      this.#client.listBlobsByHierarchy('/', { prefix, abortSignal }).byPage(from),
    );
    for await (const { segment } of pages) {
      for (const { name } of segment.blobPrefixes ?? []) yield name.slice(prefix.length).replace(/\/$/, '');
    }
  }

  async *listTagged(expression: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    const pages = this.#pages(signal, (abortSignal, from) =>
      this.#client.findBlobsByTags(expression, { abortSignal }).byPage(from),
    );
    const slots = new Slots(LOOKUPS_AT_ONCE);
    for await (const { blobs } of tellingFilter(pages, expression)) {
      // The index knows names alone.
      const found = await Promise.all(blobs.map(({ name }) => slots.run(() => this.#look(name, signal))));
      yield* found.filter((object) => object !== undefined);
    }
  }

  read(name: string, signal: AbortSignal): Promise<StoredDocument | undefined> {
    return this.#reader.read(name, signal);
  }

  readRange(range: ObjectRange, into: Buffer, signal: AbortSignal): Promise<void> {
    return this.#reader.readRange(range, into, signal);
  }

  async write(name: string, bytes: Uint8Array, condition: WriteCondition, signal: AbortSignal): Promise<boolean> {
    const conditions = condition === 'absent' ? { ifNoneMatch: '*' } : { ifMatch: condition.etag };
    return this.#ifMet(name, signal, async (abortSignal) => {
      await this.#blob(name).upload(bytes, bytes.length, { conditions, abortSignal });
      return true;
    });
  }

  startUpload(name: string): PartUpload {
    return new BlockUpload(this.#blob(name), (signal, attempt) => this.#try(name, signal, attempt));
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    await this.#try(name, signal, (abortSignal) => this.#blob(name).deleteIfExists({ ...WHOLE, abortSignal }));
  }

  async removeState(name: string, etag: string, signal: AbortSignal): Promise<boolean> {
    const conditions = { ifMatch: etag };
    return this.#ifMet(name, signal, async (abortSignal) => {
      return (await this.#blob(name).deleteIfExists({ ...WHOLE, conditions, abortSignal })).succeeded;
    });
  }

  /** Sends a request under a condition, with retries. False where that did not hold, else what the request gives. */
  #ifMet(name: string, signal: AbortSignal, send: (signal: AbortSignal) => Promise<boolean>): Promise<boolean> {
    return this.#try(name, signal, async (abortSignal) => {
      try {
        return await send(abortSignal);
      } catch (error) {
        if (NOT_MET.includes(failureOf(error).code ?? '')) return false;
        throw error;
      }
    });
  }

  /** A blob as it is now, or undefined where it is gone. */
  async #look(name: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    try {
      const found = await this.#try(name, signal, (abortSignal) => this.#blob(name).getProperties({ abortSignal }));
      const { contentLength: size = 0, etag = '', lastModified: modified = new Date(0), contentMD5 } = found;
      return { name, size, etag, modified, md5: contentMD5 && Buffer.from(contentMD5).toString('hex') };
    } catch (error) {
      if (error instanceof DeliveryError && error.code === 'BLOB_NOT_FOUND') return undefined;
      throw error;
    }
  }

  /** Begins to read a blob. Whoever gets its body reads it to the end or destroys it. */
  async #begin(
    name: string,
    { offset = 0, length, etag }: Partial<ObjectPlace>,
    abortSignal: AbortSignal,
  ): Promise<ObjectAnswer> {
    const conditions = etag === undefined ? {} : { ifMatch: etag };
    const answer = await this.#blob(name).download(offset, length, { conditions, abortSignal, maxRetryRequests: 0 });
    const body = answer.readableStreamBody as Readable;
    // It may still break when its reader has gone, which is nobody's concern then.
    body.on('error', () => undefined);
    return {
      body,
      length: answer.contentLength ?? 0,
      total: totalOf(answer.contentRange),
      etag: answer.etag ?? '',
    };
  }

  #blob(name: string): ReturnType<ContainerClient['getBlockBlobClient']> {
    return this.#client.getBlockBlobClient(name);
  }

  /** The pages of a listing, each fetched with retries of its own. */
  async *#pages<Page extends { readonly continuationToken?: string }>(
    signal: AbortSignal,
    listing: (abortSignal: AbortSignal, from: PageSettings) => AsyncIterator<Page, unknown>,
  ): AsyncGenerator<Page> {
    for (let token: string | undefined; token !== '';) {
      const from = { maxPageSize: this.#pageSize, ...(token === undefined ? {} : { continuationToken: token }) };
      const page = await this.#try('', signal, (abortSignal) => listing(abortSignal, from).next());
      if (page.done === true) return;
      yield page.value;
      token = page.value.continuationToken ?? '';
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
    const judge = (error: unknown) => judgeFailure(error, this.#known);
    try {
      return await withRetries(limited, { signal, judge, ...(progress === undefined ? {} : { progress }) });
    } catch (error) {
      signal.throwIfAborted();
      throw storeError(error, this.#access, name);
    }
  }
}

/** A filter that Azure cannot read is answered with a status of its own. */
async function* tellingFilter<Page>(pages: AsyncIterable<Page>, expression: string): AsyncGenerator<Page> {
  try {
    yield* pages;
  } catch (error) {
    if (!(error instanceof DeliveryError) || failureOf(error.cause).status !== 400) throw error;
    throw new DeliveryError('TAG_FILTER_INVALID', {
      message: `The store does not understand the tag filter ${expression}.`,
      remedy: `Write stage=production, or an expression as Azure has it: "stage" = 'production' AND "accuracy" > '0.9'.`,
      cause: error,
    });
  }
}

/**
 * Gives each request to the account a token that is valid when it leaves. A token that is refused all the same is replaced
 * once: clocks differ, and keys are rotated.
 */
function bearing(token: (refused?: string) => Promise<string>, endpoint: string): RequestPolicyFactory {
  return {
    create: (next) => ({
      sendRequest: async (request) => {
        // A redirect may lead elsewhere, where nobody shall see the token.
        if (!request.url.startsWith(`${endpoint}/`)) return next.sendRequest(request);
        const first = await token();
        request.headers.set('Authorization', `Bearer ${first}`);
        try {
          return await next.sendRequest(request);
        } catch (error) {
          if (failureOf(error).status !== 401) throw error;
          request.headers.set('Authorization', `Bearer ${await token(first)}`);
          return next.sendRequest(request);
        }
      },
    }),
  };
}
