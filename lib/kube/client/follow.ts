import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryError } from '../../errors/delivery-error.ts';
import type { KubeObject } from '../objects.ts';
import { ApiError } from './api-error.ts';
import type { KubeClient, Turn } from './kube-client.ts';
import type { Resource } from './resource.ts';
import { isUnreached } from './until-reached.ts';

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

/** The server ends a watch after this time, in seconds. */
const TURN = 20;
/** How much longer than a turn a stream may be silent, in seconds: the end of its turn may be on its way. */
const LEEWAY = 5;
const PAUSES = [100, 500, 1000, 2000, 4000];
/** So many refusals in a row are meant: an API server that has just started may not know its accounts and roles yet. */
const MEANT = 5;

/**
 * Follows objects until `signal` aborts: lists them, then watches from that version on. A watch that ends, breaks or
 * stalls goes on from the last version seen; when that is too old (410) the objects are listed again. Resolves once
 * the first list is there; what happens afterwards is told to the follower.
 *
 * @param turnSeconds how long one stream lasts; a little longer without a word, and it is taken for dead
 * @returns a promise of the end of following, which rejects only if permission is withdrawn
 * @throws ApiError if the objects may not be listed
 */
export async function follow(
  client: KubeClient,
  followed: Followed,
  follower: Follower,
  signal: AbortSignal,
  turnSeconds = TURN,
): Promise<{ readonly ended: Promise<void> }> {
  const thread = new Thread(client, followed, follower, signal, turnSeconds);
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
  readonly #turn: Turn;
  /** The last version seen; undefined when it has to be found by listing. */
  #version: string | undefined;

  constructor(client: KubeClient, followed: Followed, follower: Follower, signal: AbortSignal, turnSeconds: number) {
    this.#client = client;
    this.#followed = followed;
    this.#follower = follower;
    this.#signal = signal;
    this.#turn = { seconds: turnSeconds, idleSeconds: turnSeconds + LEEWAY, signal };
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
        failures++;
        if (isFinal(error) || (isRefusal(error) && failures >= MEANT)) throw error;
        if (isTooOld(error)) this.#version = undefined;
        else this.#follower.lost(error);
      }
      if (failures > 0) await this.#pause(PAUSES[Math.min(failures, PAUSES.length) - 1]);
    }
  }

  /** Watches for one turn. Returns false if the stream ended at once without a word, as a proxy may end it. */
  async #watch(): Promise<boolean> {
    const started = Date.now();
    const query = { ...this.#selector, resourceVersion: this.#version ?? (await this.list()) };
    const { resource, namespace } = this.#followed;
    let events = 0;
    for await (const event of this.#client.watch(resource, namespace, query, this.#turn)) {
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

/** Neither a changed certificate nor a sign-in that was refused comes back by asking again. */
function isFinal(error: unknown): boolean {
  return error instanceof DeliveryError && !isUnreached(error);
}

function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 401 || error.status === 403);
}
