/** An object as a listing shows it. */
export interface StoredObject {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Changes with every change of the content. */
  readonly etag: string;
  readonly modified: Date;
  /** Hexadecimal MD5 of the content, where the store keeps one. It is what the uploader claimed. */
  readonly md5: string | undefined;
}

/** A small object with its content. */
export interface StoredDocument {
  readonly text: string;
  readonly etag: string;
}

/** From where on to read an object, and which state of it. */
export interface ObjectRange {
  readonly name: string;
  readonly offset: number;
  /** Size of the whole object; another size means another content. */
  readonly size: number;
  /** Read only this state of the object. Undefined: whatever it is now. */
  readonly etag: string | undefined;
}

/** What must hold for a write to happen: nothing is there yet, or what is there has this ETag. */
export type WriteCondition = 'absent' | { readonly etag: string };

/** Bytes of an object that go in one request. */
export interface ObjectPart {
  readonly bytes: Uint8Array;
  /** SHA-256 of the object from its start to the end of this part. */
  readonly digest: Buffer;
}

/**
 * An upload in parts. Nothing of it can be seen before `complete`. Parts that an earlier upload to the same name has left,
 * with the same content and the same place, are taken over, where the kind of store can tell.
 */
export interface PartUpload {
  /** Stores one part; parts may arrive in any order and several at once. False: it was there already and was not sent. */
  send(index: number, part: ObjectPart, signal: AbortSignal): Promise<boolean>;
  /**
   * Makes parts 0 to `count - 1` the object, unless there is one already. False: another content has that name, and
   * keeps it. An object of just these parts is as good as completed.
   */
  complete(count: number, signal: AbortSignal): Promise<boolean>;
  /** Gives up. What stays of what was sent, nobody has to pay for, or the next upload takes it over. */
  abandon(signal: AbortSignal): Promise<void>;
}

/**
 * A container or bucket. Everything this project knows of models is written against this interface, so that each
 * kind of store behaves the same. Implementations retry what is worth retrying, give up on a peer that stalls, and
 * throw only DeliveryErrors: `STORE_UNREACHABLE`, `STORE_UNAUTHORIZED`, `STORE_FORBIDDEN`, `STORE_FAILED`,
 * `CONTAINER_NOT_FOUND`, `BLOB_NOT_FOUND`, `BLOB_CHANGED`, `BLOB_ARCHIVED`, of writes and removals
 * `CONDITIONS_UNSUPPORTED`, `BLOB_LEASED`, of roles `ROLE_NOT_ASSUMED`, and what aborted the signal.
 */
export interface ObjectStore {
  /** Name of the container or bucket. */
  readonly container: string;
  /** An object is joined of no more parts than this. */
  readonly mostParts: number;
  /** The address of an object (or, for '', of the container) for people to read. Carries no secret. */
  uriOf(name: string): string;
  /** All objects whose names begin with `prefix`, in order of name. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject>;
  /** The folders right below `prefix` (which ends in `/` or is empty), without their parents and slashes. */
  listFolders(prefix: string, signal: AbortSignal): AsyncIterable<string>;
  /**
   * The objects whose index tags meet an expression such as `"stage" = 'production'`, each as it is now, in no order.
   *
   * @throws DeliveryError `TAGS_UNSUPPORTED` where this kind of store has no index of tags, `TAG_FILTER_INVALID`
   */
  listTagged(expression: string, signal: AbortSignal): AsyncIterable<StoredObject>;
  /** A small text object, or undefined where there is none. */
  read(name: string, signal: AbortSignal): Promise<StoredDocument | undefined>;
  /** Fills a buffer with the bytes of an object; nothing is written to it any more once this has returned or thrown. */
  readRange(range: ObjectRange, into: Buffer, signal: AbortSignal): Promise<void>;
  /** Writes an object in one request. False: the condition did not hold and nothing was written. */
  write(name: string, bytes: Uint8Array, condition: WriteCondition, signal: AbortSignal): Promise<boolean>;
  startUpload(name: string): PartUpload;
  /** Removes an object; one that is not there is as good as removed. */
  remove(name: string, signal: AbortSignal): Promise<void>;
  /**
   * Removes this state of an object alone. False: that state is not there any more, and what is there stays. Some compatible stores
   * know no condition of a removal and remove whatever is there: what must be right there as well is written over, not removed.
   */
  removeState(name: string, etag: string, signal: AbortSignal): Promise<boolean>;
}
