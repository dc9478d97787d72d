import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import bareRequest from 'undici/lib/api/api-request.js';
import { asError } from '../errors/delivery-error.ts';

/** One HTTP request. Redirects are not followed and no status is an error: both are for the caller to judge. */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes at hand, or bytes that are made while they are sent (then give `content-length` too, where it is known). */
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  /** How long the peer may take, in milliseconds, from the last byte of the request to the first of the answer. */
  readonly answerLimit?: number;
  /** How long the peer may be silent, in milliseconds, within its answer. */
  readonly idleLimit?: number;
}

/** An answer whose body must be read or dumped, or its connection is lost for others. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

/** Sends one request. Rejects with undici's errors where no answer comes. */
export function request(
  dispatcher: Dispatcher,
  { method, url, headers = {}, body, signal, answerLimit, idleLimit }: HttpRequest,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    // By itself a request that is still waiting for its connection would stop only when that stands or has failed.
    const stop = (): void => reject(asError(signal.reason));
    signal.addEventListener('abort', stop, { once: true });
    bareRequest.call(
      dispatcher,
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers,
        // The types name Readable alone; every async iterable is taken (undici docs, "Dispatcher.DispatchOptions").
        body: (body ?? null) as Uint8Array | string | null,
        signal,
        ...(answerLimit === undefined ? {} : { headersTimeout: answerLimit }),
        ...(idleLimit === undefined ? {} : { bodyTimeout: idleLimit }),
      },
      (error, data) => {
        signal.removeEventListener('abort', stop);
        if (error === null) resolve({ status: data.statusCode, headers: data.headers, body: data.body });
        else reject(error);
      },
    );
  });
}

/** A header's value, of several the first. */
export function headerOf({ headers }: Pick<HttpAnswer, 'headers'>, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
