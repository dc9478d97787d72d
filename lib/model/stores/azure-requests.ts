import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { HttpHeaders, HttpOperationResponse, IHttpClient, WebResource } from '@azure/storage-blob';
import type { Dispatcher } from 'undici';
import { type HttpRequest, request as send } from '../../http/request.ts';
import { sentBody } from '../../http/sent-body.ts';
import type { Receivers } from './receivers.ts';

/**
 * Sends the storage SDK's requests as all others of this project are sent: through the agent's proxy, trusting the agent's
 * certificate authorities, with limits on silence in both directions.
 */
export class StorageRequests implements IHttpClient {
  readonly #dispatcher: Dispatcher;
  readonly #receivers: Receivers;

  constructor(dispatcher: Dispatcher, receivers: Receivers) {
    this.#dispatcher = dispatcher;
    this.#receivers = receivers;
  }

  async sendRequest(request: WebResource): Promise<HttpOperationResponse> {
    const signal = (request.abortSignal as AbortSignal | undefined) ?? new AbortController().signal;
    const asked = { url: new URL(request.url), headers: request.headers.toJson(), signal };
    const received = await this.#receivers.send(asked);
    if (received === undefined) return this.#usually(request, asked);
    return { request, status: 206, headers: headersOf(request, received), readableStreamBody: Readable.from([]) };
  }

  async #usually(
    request: WebResource,
    asked: Pick<HttpRequest, 'url' | 'headers' | 'signal'>,
  ): Promise<HttpOperationResponse> {
    const { status, headers, body } = await send(this.#dispatcher, {
      ...asked,
      method: request.method as HttpRequest['method'],
      ...sentBody(request.body),
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
