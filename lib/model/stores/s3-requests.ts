import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { request as send } from '../../http/request.ts';
import { sentBody } from '../../http/sent-body.ts';
import type { Receivers } from './receivers.ts';

/** A request as the SDK has it: signed, its path and headers as they must be sent. */
interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface SdkResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
}

/** What the SDK takes in place of its own way to send requests. */
// eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- the SDK takes a record, which an interface is not
export type RequestHandler = {
  readonly handle: (
    request: SdkRequest,
    options: { readonly abortSignal?: AbortSignal },
  ) => Promise<{ readonly response: SdkResponse }>;
  readonly updateHttpClientConfig: () => void;
  readonly httpHandlerConfigs: () => object;
};

/**
 * Sends the AWS SDK's requests as all others of this project are sent: through the agent's proxy, trusting the agent's
 * certificate authorities, with limits on silence in both directions.
 */
export function requestHandler(dispatcher: Dispatcher, receivers: Receivers): RequestHandler {
  return {
    handle: async (request, { abortSignal = new AbortController().signal }) => {
      const asked = { url: urlOf(request), headers: request.headers, signal: abortSignal };
      const received = await receivers.send(asked);
      if (received !== undefined) return { response: { statusCode: 206, headers: received, body: Readable.from([]) } };
      const answer = await send(dispatcher, {
        ...asked,
        method: request.method as 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE',
        ...sentBody(request.body),
      });
      // It may still break when its reader has gone, which is nobody's concern then.
      answer.body.on('error', () => undefined);
      return { response: { statusCode: answer.status, headers: flat(answer.headers), body: answer.body } };
    },
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
  };
}

function urlOf({ protocol, hostname, port, path, query }: SdkRequest): URL {
  const host = port === undefined ? hostname : `${hostname}:${port}`;
  const search = Object.entries(query).flatMap(([name, value]) => parameters(name, value));
  return new URL(`${protocol}//${host}${path}${search.length === 0 ? '' : `?${search.join('&')}`}`);
}

function parameters(name: string, value: SdkRequest['query'][string]): readonly string[] {
  if (value === null) return [escaped(name)];
  return [value].flat().map((each) => `${escaped(name)}=${escaped(each)}`);
}

/** As the signature has it (RFC 3986). */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, [value].flat().join(', ')]],
    ),
  );
}
