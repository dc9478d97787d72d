import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { DeliveryError } from '../../errors/delivery-error.ts';
import { readBounded, readStart } from '../../http/bounded-body.ts';
import { headerOf, request } from '../../http/request.ts';
import type { HttpAnswer } from '../../http/request.ts';
import { unlessAborted } from '../../http/unless-aborted.ts';
import type { ClusterAccess, ClusterCredential } from '../cluster-access.ts';
import { ApiError } from './api-error.ts';
import type { ApiStatus, Asked } from './api-error.ts';
import { dispatcherFor } from './dispatcher.ts';
import { explainNetworkError, isPassing } from './network-error.ts';

/** One request to the API server. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  /** What it is about, for messages. */
  readonly asked: Asked;
  /** Awaited before each attempt; what it throws ends the request. */
  readonly permit?: (signal: AbortSignal) => Promise<void>;
  /** How long the answer may be silent, in milliseconds, where the usual limit is too much. */
  readonly idleLimit?: number;
  readonly signal: AbortSignal;
}

/** etcd keeps objects of at most 1.5 MiB; a list comes in pages of {@link PAGE} objects. */
const MAX_BODY = 64 * 1024 * 1024;
/** As much of a refusal as is read when the request is sent again anyway. */
const MAX_REFUSAL = 64 * 1024;
/** Pauses before trying again, in milliseconds; a server that names a pause is obeyed up to the cap. */
const PAUSES = [250, 1000, 2500];
/** The same for a server that has answered before: it is most likely just restarting. */
const RESTART_PAUSES = [...PAUSES, 5000, 10_000];
const PAUSE_CAP = 10_000;
/** The server or something before it did not act: safe to send again whatever was asked. */
const NOT_ACTED = new Set([429, 503]);
/** Safe to send again if twice is the same as once. A 500 is the answer to a wrong apply too, so only reads count. */
const PASSING = new Set([429, 502, 503, 504]);

export interface TransportOptions {
  /** Told what the API server says in `Warning` headers: deprecated versions, unknown fields. */
  readonly onWarning?: (warning: string) => void;
}

/** An address behind the API server, and what it takes to send requests there. */
export interface ReachedThrough {
  readonly url: URL;
  readonly dispatcher: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Speaks HTTP with one API server: TLS as the connection wants it, credentials, proxies, retries, bounded answers.
 * The only layer of the rollout that tries a request again.
 */
export class Transport {
  readonly #access: ClusterAccess;
  readonly #dispatcher: Dispatcher;
  readonly #onWarning: (warning: string) => void;
  /** How far the server's clock is ahead of this one, in milliseconds. */
  #clockAhead = 0;
  #hasAnswered = false;

  constructor(access: ClusterAccess, { onWarning = () => undefined }: TransportOptions) {
    this.#access = access;
    this.#dispatcher = dispatcherFor(access);
    this.#onWarning = onWarning;
  }

  /**
   * Sends a request and reads its JSON answer. A request that failed on the way is sent again if that is safe: all
   * but POST name the state they want, so that twice is the same as once.
   *
   * @throws ApiError if the server refuses
   * @throws DeliveryError `CLUSTER_UNREACHABLE`, `CERTIFICATE_UNTRUSTED`, and what getting a token throws
   */
  async json(asked: ApiRequest): Promise<unknown> {
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await this.#send(asked);
        return await this.#readJson(answer, asked);
      } catch (error) {
        asked.signal.throwIfAborted();
        const wait = pauseAfter(error, asked.method, (this.#hasAnswered ? RESTART_PAUSES : PAUSES)[attempt]);
        if (wait === undefined) throw this.#told(error);
        await sleep(wait, undefined, { signal: asked.signal });
      }
    }
  }

  /** Opens a stream of a successful answer. Not retried: only the caller knows where to go on. */
  async stream(asked: ApiRequest): Promise<Readable> {
    try {
      const answer = await this.#send(asked);
      if (answer.status >= 300) await this.#readJson(answer, asked);
      return answer.body;
    } catch (error) {
      asked.signal.throwIfAborted();
      throw this.#told(error);
    }
  }

  /** What the server's clock shows, to the second, as far as its last answer told. */
  serverTime(): Date {
    return new Date(Date.now() + this.#clockAhead);
  }

  /** What others need to send requests of their own below a path, such as checks of a pod through its proxy. */
  async reach(path: string): Promise<ReachedThrough> {
    const url = new URL(`${this.#access.server.replace(/\/$/, '')}${path}`);
    const { credential } = this.#access;
    const who = credential.tokens === undefined ? authorization(credential) : `Bearer ${await credential.tokens()}`;
    return { url, dispatcher: this.#dispatcher, headers: who === undefined ? {} : { authorization: who } };
  }

  /** Closes all connections, also those that still stream. */
  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  #told(error: unknown): Error {
    return error instanceof ApiError || error instanceof DeliveryError
      ? error
      : explainNetworkError(error, this.#access);
  }

  /** Sends a request as whoever has the token of the moment; if that is refused, once more with a new one. */
  async #send(asked: ApiRequest): Promise<HttpAnswer> {
    const { credential } = this.#access;
    const { tokens } = credential;
    if (tokens === undefined) return this.#sendAs(authorization(credential), asked);
    const token = await unlessAborted(tokens(), asked.signal);
    const answer = await this.#sendAs(`Bearer ${token}`, asked);
    if (answer.status !== 401) return answer;
    await readStart(answer.body, MAX_REFUSAL);
    const renewed = await unlessAborted(tokens(token), asked.signal);
    return this.#sendAs(`Bearer ${renewed}`, asked);
  }

  async #sendAs(
    who: string | undefined,
    { method, path, query = {}, body, contentType = JSON_TYPE, permit, idleLimit, signal }: ApiRequest,
  ): Promise<HttpAnswer> {
    await permit?.(signal);
    const url = new URL(`${this.#access.server.replace(/\/$/, '')}${path}`);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = {
      accept: 'application/json',
      'user-agent': 'model-delivery/1',
      ...(who === undefined ? {} : { authorization: who }),
      ...(body === undefined ? {} : { 'content-type': contentType }),
    };
    const answer = await request(this.#dispatcher, {
      method,
      url,
      headers,
      ...content,
      signal,
      ...(idleLimit === undefined ? {} : { idleLimit }),
    });
    const date = Date.parse(headerOf(answer, 'date') ?? '');
    if (!Number.isNaN(date)) this.#clockAhead = date - Date.now();
    for (const warning of warningsOf(answer.headers.warning)) this.#onWarning(warning);
    return answer;
  }

  async #readJson(answer: HttpAnswer, asked: ApiRequest): Promise<unknown> {
    const body = await readBounded(
      answer.body as AsyncIterable<Uint8Array>,
      MAX_BODY,
      `The answer of ${this.#access.server}`,
    );
    const reply = parsed(body.toString('utf8'));
    if (answer.status < 300) {
      if (reply === undefined) throw new Error('the answer is not JSON');
      this.#hasAnswered = true;
      return reply;
    }
    const status = isStatus(reply) ? reply : {};
    const after = Number(headerOf(answer, 'retry-after'));
    const details = { ...status.details, ...(after > 0 ? { retryAfterSeconds: after } : {}) };
    throw new ApiError(answer.status, { ...status, details }, asked.asked, {
      byEntra: this.#access.credential.tokens !== undefined,
    });
  }
}

const JSON_TYPE = 'application/json';

function authorization({ token, basic }: ClusterCredential): string | undefined {
  if (token !== undefined) return `Bearer ${token}`;
  if (basic === undefined) return undefined;
  return `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}`;
}

/** Milliseconds to wait before a request is sent again; undefined if it must not be. */
function pauseAfter(error: unknown, method: string, pause: number | undefined): number | undefined {
  if (pause === undefined || error instanceof DeliveryError) return undefined;
  if (!(error instanceof ApiError)) return method !== 'POST' && isPassing(error) ? pause : undefined;
  const passing = method === 'POST' ? NOT_ACTED : PASSING;
  const again = passing.has(error.status) || (method === 'GET' && error.status === 500);
  // A webhook that fails is a 500 too, and says so; asking it again only delays the message.
  if (!again || (error.reply.message ?? '').includes('webhook')) return undefined;
  const named = (error.reply.details?.retryAfterSeconds ?? 0) * 1000;
  return Math.min(Math.max(pause, named), PAUSE_CAP);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isStatus(reply: unknown): reply is ApiStatus {
  return typeof reply === 'object' && reply !== null && (reply as ApiStatus).kind === 'Status';
}

/** The texts of `Warning: 299 - "text"` headers (RFC 7234, section 5.5). */
function warningsOf(header: string | string[] | undefined): readonly string[] {
  const headers = header === undefined ? [] : [header].flat();
  return headers.flatMap((line) =>
    [...line.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map((match) => (match[1] ?? '').replace(/\\(.)/g, '$1')),
  );
}
