import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryError } from '../../errors/delivery-error.ts';
import type { KubeObject } from '../objects.ts';
import { ApiError } from './api-error.ts';
import type { KubeClient } from './kube-client.ts';
import type { Resource } from './resource.ts';

/** Some objects of one kind, to be seen as they change. */
export interface Followed {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  /** Follow only the object of this name. */
  readonly name?: string | undefined;
}

/** Who wants to know. Called for every change, with the whole picture and never with half a list. */
export interface Follower {
  /** The whole picture: at the start, and again whenever the thread was lost. */
  all(objects: readonly KubeObject[]): void;
  changed(object: KubeObject): void;
  gone(object: KubeObject): void;
  /** Contact was lost; it is being tried again. */
  lost(error: unknown): void;
}

/** The server ends a watch after this time, in seconds, so that a stream that says nothing for longer is dead. */
const TURN = 30;
const PAUSES = [100, 500, 1000, 2000, 4000];

/**
 * Follows objects until `signal` aborts: lists them, then watches from that version on. A watch that ends, breaks or
 * stalls goes on from the last version seen; when that is too old (410) the objects are listed again. Resolves once
 * the first list is there; what happens afterwards is told to the follower.
 *
 * @returns a promise of the end of following, which rejects only if permission is withdrawn
 * @throws ApiError if the objects may not be listed
 */
export async function follow(
  client: KubeClient,
  followed: Followed,
  follower: Follower,
  signal: AbortSignal,
): Promise<{ readonly ended: Promise<void> }> {
  const thread = new Thread(client, followed, follower, signal);
  await thread.list();
  return { ended: thread.goOn() };
}

/** The thread of one kind's versions, which must not be lost. */
class Thread {
  readonly #client: KubeClient;
  readonly #followed: Followed;
  readonly #follower: Follower;
  readonly #signal: AbortSignal;
  readonly #selector: Readonly<Record<string, string>>;
  /** The last version seen; undefined when it has to be found by listing. */
  #version: string | undefined;

  constructor(client: KubeClient, followed: Followed, follower: Follower, signal: AbortSignal) {
    this.#client = client;
    this.#followed = followed;
    this.#follower = follower;
    this.#signal = signal;
    this.#selector = followed.name === undefined ? {} : { fieldSelector: `metadata.name=${followed.name}` };
  }

  async list(): Promise<string> {
    const { resource, namespace } = this.#followed;
    const listing = await this.#client.list(resource, namespace, this.#selector, this.#signal);
    this.#follower.all(listing.items);
    this.#version = listing.resourceVersion;
    return listing.resourceVersion;
  }

  async goOn(): Promise<void> {
    for (let failures = 0; !this.#isOver();) {
      try {
        failures = (await this.#watch()) ? 0 : failures + 1;
      } catch (error) {
        if (this.#isOver()) return;
        if (isFinal(error)) throw error;
        if (isTooOld(error)) this.#version = undefined;
        else this.#follower.lost(error);
        failures++;
      }
      if (failures > 0) await this.#pause(PAUSES[Math.min(failures, PAUSES.length) - 1]);
    }
  }

  /** Watches for one turn. Returns false if the stream ended at once without a word, as a proxy may end it. */
  async #watch(): Promise<boolean> {
    const started = Date.now();
    const query = { ...this.#selector, resourceVersion: this.#version ?? (await this.list()) };
    const { resource, namespace } = this.#followed;
    const turn = { seconds: TURN, signal: this.#signal };
    let events = 0;
    for await (const event of this.#client.watch(resource, namespace, query, turn)) {
      if (event.type === 'ERROR') throw statusOf(event.object);
      events++;
      this.#version = event.object.metadata.resourceVersion ?? this.#version;
      if (event.type === 'DELETED') this.#follower.gone(event.object);
      else if (event.type !== 'BOOKMARK') this.#follower.changed(event.object);
    }
    return events > 0 || Date.now() - started > 1000;
  }

  #isOver(): boolean {
    return this.#signal.aborted;
  }

  async #pause(ms: number | undefined): Promise<void> {
    await sleep(ms, undefined, { signal: this.#signal }).catch(() => undefined);
  }
}

/** A watch tells its own trouble as an event that carries a Status. */
function statusOf(object: KubeObject): ApiError {
  const status = object as unknown as { readonly code?: number };
  return new ApiError(status.code ?? 500, status, { verb: 'watch', resource: 'events of a watch' });
}

/** 410 Gone and 504 Timeout of the watch cache: the version is no longer there to go on from. */
function isTooOld(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 410 || error.status === 504);
}

/** Neither lost permission nor a changed certificate comes back by asking again. */
function isFinal(error: unknown): boolean {
  if (error instanceof DeliveryError) return error.code === 'CERTIFICATE_UNTRUSTED';
  return error instanceof ApiError && (error.status === 401 || error.status === 403);
}
