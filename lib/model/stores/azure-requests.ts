import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { HttpHeaders, HttpOperationResponse, IHttpClient, WebResource } from '@azure/storage-blob';
import type { Dispatcher } from 'undici';
import type { DirectRead, DirectReader } from '../../http/direct-reader.ts';
import { type HttpRequest, request as send } from '../../http/request.ts';
import { sentBody } from '../../http/sent-body.ts';

/** Where the body of an answer is wanted, and who is told how it comes in. */
export type Receiver = Pick<DirectRead, 'into' | 'began' | 'reached'>;

/**
 * Sends the storage SDK's requests as all others of this project are sent: through the agent's proxy, trusting the agent's
 * certificate authorities, with limits on silence in both directions.
 */
export class StorageRequests implements IHttpClient {
  readonly #dispatcher: Dispatcher;
  readonly #direct: DirectReader | undefined;
  readonly #receivers = new WeakMap<AbortSignal, Receiver>();

  /** @param direct reads bodies where they are wanted; undefined where requests have to go another way, such as through a proxy */
  constructor(dispatcher: Dispatcher, direct: DirectReader | undefined) {
    this.#dispatcher = dispatcher;
    this.#direct = direct;
  }

  /**
   * Has the body of the answer to the request with this signal read straight into memory, if that can be: then the
   * receiver has been told of all bytes, and the answer that the SDK gives has none. The signal is the one thing of a
   * caller that the SDK hands through to here.
   */
  receive(signal: AbortSignal, receiver: Receiver): void {
    this.#receivers.set(signal, receiver);
  }

  async sendRequest(request: WebResource): Promise<HttpOperationResponse> {
    const signal = (request.abortSignal as AbortSignal | undefined) ?? new AbortController().signal;
    return (await this.#directly(request, signal)) ?? this.#usually(request, signal);
  }

  async #directly(request: WebResource, signal: AbortSignal): Promise<HttpOperationResponse | undefined> {
    const receiver = this.#receivers.get(signal);
    if (receiver === undefined || this.#direct === undefined) return undefined;
    const [url, sent] = [new URL(request.url), request.headers.toJson()];
    const headers = await this.#direct.read({ ...receiver, url, headers: sent, signal });
    if (headers === undefined) return undefined;
    return { request, status: 206, headers: headersOf(request, headers), readableStreamBody: Readable.from([]) };
  }

  async #usually(request: WebResource, signal: AbortSignal): Promise<HttpOperationResponse> {
    const { status, headers, body } = await send(this.#dispatcher, {
      method: request.method as HttpRequest['method'],
      url: new URL(request.url),
      headers: request.headers.toJson(),
      ...sentBody(request.body),
      signal,
    });
    const head = { request, status, headers: headersOf(request, headers) };
    if (!wantsStream(request, status)) return { ...head, bodyAsText: await text(body) };
    // It may still break when its reader has gone, which is nobody's concern then.
    body.on('error', () => undefined);
    return { ...head, readableStreamBody: body };
  }
}

function wantsStream({ streamResponseStatusCodes: statuses }: WebResource, status: number): boolean {
  return statuses?.has(status) === true || statuses?.has(Infinity) === true;
}

/** The SDK has no way to make headers but from others. */
function headersOf(
  request: WebResource,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): HttpHeaders {
  const made = request.headers.clone();
  for (const name of made.headerNames()) made.remove(name);
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) made.set(name, [value].flat().join(', '));
  }
  return made;
}
