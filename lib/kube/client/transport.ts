import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, ProxyAgent, request } from 'undici';
import type { Dispatcher } from 'undici';
import type { ClusterAccess } from '../cluster-access.ts';
import { ApiError } from './api-error.ts';
import type { ApiStatus, Asked } from './api-error.ts';
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
  readonly signal: AbortSignal;
}

/** etcd keeps objects of at most 1.5 MiB; a list comes in pages of {@link PAGE} objects. */
const MAX_BODY = 64 * 1024 * 1024;
const CONNECT_TIMEOUT = 10_000;
/** Longer than the 30 s that the API server itself gives an admission webhook. */
const ANSWER_TIMEOUT = 40_000;
/** Pauses before trying again, in milliseconds; a server that names a pause is obeyed up to the cap. */
const PAUSES = [250, 1000, 2500];
const PAUSE_CAP = 10_000;
/** Safe to send again whatever the method: the server says that it did not act. */
const NOT_ACTED = new Set([429, 503]);
const PASSING = new Set([429, 500, 502, 503, 504]);

/**
 * Speaks HTTP with one API server: TLS as the connection wants it, credentials, proxies, retries, bounded answers.
 * The only layer of the rollout that tries a request again.
 */
export class Transport {
  readonly #access: ClusterAccess;
  readonly #dispatcher: Dispatcher;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #onWarning: (warning: string) => void;

  /** @param onWarning told what the API server says in `Warning` headers: deprecated versions, unknown fields */
  constructor(access: ClusterAccess, onWarning: (warning: string) => void) {
    this.#access = access;
    this.#dispatcher = dispatcherOf(access);
    this.#headers = { accept: 'application/json', 'user-agent': 'model-delivery/1', ...authorization(access) };
    this.#onWarning = onWarning;
  }

  /**
   * Sends a request and reads its JSON answer. A request that failed on the way is sent again if that is safe: all
   * but POST name the state they want, so that twice is the same as once.
   *
   * @throws ApiError if the server refuses
   * @throws DeliveryError `CLUSTER_UNREACHABLE`, `CERTIFICATE_UNTRUSTED`
   */
  async json(asked: ApiRequest): Promise<unknown> {
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await this.#send(asked);
        return await this.#readJson(answer, asked);
      } catch (error) {
        asked.signal.throwIfAborted();
        const wait = pauseAfter(error, asked.method, PAUSES[attempt]);
        if (wait === undefined)
          throw error instanceof ApiError ? error : explainNetworkError(error, this.#access.server);
        await sleep(wait, undefined, { signal: asked.signal });
      }
    }
  }

  /** Opens a stream of a successful answer. `idle` is how long, in milliseconds, it may stay silent. Not retried. */
  async stream(asked: ApiRequest, idle: number): Promise<Readable> {
    try {
      const answer = await this.#send(asked, idle);
      if (answer.statusCode >= 300) await this.#readJson(answer, asked);
      return answer.body;
    } catch (error) {
      asked.signal.throwIfAborted();
      throw error instanceof ApiError ? error : explainNetworkError(error, this.#access.server);
    }
  }

  /** Closes all connections, also those that still stream. */
  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  async #send(asked: ApiRequest, idle = ANSWER_TIMEOUT): Promise<Dispatcher.ResponseData> {
    const url = new URL(`${this.#access.server.replace(/\/$/, '')}${asked.path}`);
    for (const [key, value] of Object.entries(asked.query ?? {})) url.searchParams.set(key, value);
    const answer = await request(url, {
      method: asked.method,
      dispatcher: this.#dispatcher,
      headers: {
        ...this.#headers,
        ...(asked.body === undefined ? {} : { 'content-type': asked.contentType ?? JSON_TYPE }),
      },
      body: asked.body === undefined ? null : JSON.stringify(asked.body),
      signal: asked.signal,
      headersTimeout: ANSWER_TIMEOUT,
      bodyTimeout: idle,
    });
    for (const warning of warningsOf(answer.headers.warning)) this.#onWarning(warning);
    return answer;
  }

  async #readJson(answer: Dispatcher.ResponseData, asked: ApiRequest): Promise<unknown> {
    const text = await boundedText(answer.body);
    const reply = parsed(text);
    if (answer.statusCode < 300) {
      if (reply === undefined) throw new Error('the answer is not JSON');
      return reply;
    }
    const status = isStatus(reply) ? reply : {};
    const after = Number(answer.headers['retry-after']);
    const details = { ...status.details, ...(after > 0 ? { retryAfterSeconds: after } : {}) };
    throw new ApiError(answer.statusCode, { ...status, details }, asked.asked);
  }
}

const JSON_TYPE = 'application/json';

function dispatcherOf(access: ClusterAccess): Dispatcher {
  const { certificate } = access.credential;
  const tls = {
    rejectUnauthorized: !access.insecureSkipTlsVerify,
    ...(access.ca === undefined ? {} : { ca: access.ca }),
    ...(access.tlsServerName === undefined ? {} : { servername: access.tlsServerName }),
    ...(certificate === undefined ? {} : certificate),
  };
  const timeouts = { connectTimeout: CONNECT_TIMEOUT, keepAliveTimeout: 60_000 };
  return access.proxyUrl === undefined
    ? new Agent({ ...timeouts, connect: { ...tls, timeout: CONNECT_TIMEOUT } })
    : new ProxyAgent({ ...timeouts, uri: access.proxyUrl, requestTls: tls });
}

function authorization({ credential }: ClusterAccess): Readonly<Record<string, string>> {
  if (credential.token !== undefined) return { authorization: `Bearer ${credential.token}` };
  if (credential.basic === undefined) return {};
  const { username, password } = credential.basic;
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}

/** Milliseconds to wait before a request is sent again; undefined if it must not be. */
function pauseAfter(error: unknown, method: string, pause: number | undefined): number | undefined {
  if (pause === undefined) return undefined;
  if (!(error instanceof ApiError)) return method !== 'POST' && isPassing(error) ? pause : undefined;
  const again = method === 'POST' ? NOT_ACTED.has(error.status) : PASSING.has(error.status);
  // A webhook that fails is a 500 too, and says so; asking it again only delays the message.
  if (!again || (error.reply.message ?? '').includes('webhook')) return undefined;
  const named = (error.reply.details?.retryAfterSeconds ?? 0) * 1000;
  return Math.min(Math.max(pause, named), PAUSE_CAP);
}

async function boundedText(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Error(`the answer is larger than ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
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
