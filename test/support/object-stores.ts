// Every kind of store, with a real server behind it, for tests that hold for all of them alike.
import { createHash } from 'node:crypto';
import type { ObjectPart, ObjectStore } from '../../lib/model/stores/object-store.ts';
import { freshContainer, namesIn, openContainer, put } from './blob-container.ts';
import { deleteObject, freshBucket, objectsIn, openBucket, putObject } from './s3-bucket.ts';

/** A container or bucket of a test's own. */
export interface TestStore {
  /** Where its server listens, for a proxy to stand in front. */
  readonly endpoint: string;
  /** The project's own store on it. */
  open(options?: TestStoreOptions): Promise<ObjectStore>;
  /** What follows is done behind the project's back, by the vendor's own client. */
  put(name: string, content: string | Buffer): Promise<void>;
  delete(name: string): Promise<void>;
  /** Names of all objects, in order. */
  names(): Promise<readonly string[]>;
  remove(): Promise<void>;
}

export interface TestStoreOptions {
  /** Another address of the server, such as a proxy's. */
  readonly origin?: string;
  /** In milliseconds. */
  readonly idleLimit?: number;
  /** Objects listed at once. */
  readonly pageSize?: number;
}

/** A kind of store, and how a test gets one that nobody else uses. */
export interface StoreKind {
  readonly name: string;
  fresh(): Promise<TestStore>;
}

export const STORE_KINDS: readonly StoreKind[] = [
  {
    name: 'Azure Blob Storage',
    fresh: async () => {
      const container = await freshContainer();
      return {
        endpoint: container.service.endpoint,
        open: (options) => openContainer(container, options),
        put: (name, content) => put(container, name, content),
        delete: async (name) => {
          await container.client.deleteBlob(name);
        },
        names: () => namesIn(container),
        remove: async () => {
          await container.client.delete();
        },
      };
    },
  },
  {
    name: 'S3',
    fresh: async () => {
      const bucket = await freshBucket();
      return {
        endpoint: bucket.emulator.endpoint,
        open: (options) => openBucket(bucket, options),
        put: (name, content) => putObject(bucket, name, content),
        delete: (name) => deleteObject(bucket, name),
        names: () => objectsIn(bucket),
        // What it holds goes with its emulator.
        remove: () => Promise.resolve(),
      };
    },
  },
];

/** A store with all its methods as properties, so that a test can put its own in place of one. */
export function delegating(store: ObjectStore): ObjectStore {
  return {
    container: store.container,
    mostParts: store.mostParts,
    uriOf: (name) => store.uriOf(name),
    list: (prefix, signal) => store.list(prefix, signal),
    listFolders: (prefix, signal) => store.listFolders(prefix, signal),
    listTagged: (expression, signal) => store.listTagged(expression, signal),
    read: (name, signal) => store.read(name, signal),
    readRange: (range, into, signal) => store.readRange(range, into, signal),
    write: (name, bytes, condition, signal) => store.write(name, bytes, condition, signal),
    startUpload: (name) => store.startUpload(name),
    remove: (name, signal) => store.remove(name, signal),
    removeState: (name, etag, signal) => store.removeState(name, etag, signal),
  };
}

/** Bytes as a part, which only such bytes make. */
export function objectPart(bytes: Buffer): ObjectPart {
  return { bytes, digest: createHash('sha256').update(bytes).digest() };
}
