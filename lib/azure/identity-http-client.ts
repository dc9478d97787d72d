import { AsyncLocalStorage } from 'node:async_hooks';
import {
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import type { Dispatcher } from 'undici';
import { messageOf } from '../errors/delivery-error.ts';
import { readAnswer } from '../http/bounded-body.ts';
import { refusalOfProxy } from '../http/proxy.ts';
import { request as send } from '../http/request.ts';
import { codeOf } from '../http/retry.ts';

/** One request for a token and what came of it: an answer or an error. */
export interface TokenExchange {
  readonly url: URL;
  readonly status?: number;
  readonly text?: string;
  readonly error?: unknown;
}

export interface IdentityHttpOptions {
  /** Whether connections that fail are worth another attempt. */
  readonly persistent: boolean;
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  /** Sees every exchange: what the library makes of a refusal is a sentence, what the server said is data. */
  readonly onExchange: (exchange: TokenExchange) => void;
}

/** Answers with tokens are a few KB; tokens of identities in very many groups a few more. */
const LARGEST_ANSWER = 1024 * 1024;

/**
 * Sends the identity library's requests as all others of this project are sent: through the agent's proxy, trusting the
 * agent's certificate authorities, with limits on silence. The library repeats them where that is worth it.
 */
export function identityHttpClient({ persistent, dispatcher, signal, onExchange }: IdentityHttpOptions): HttpClient {
  return {
    sendRequest: async (request) => {
      const url = new URL(request.url);
      try {
        const answer = await send(dispatcher, {
          method: request.method as 'GET' | 'POST',
          url,
          headers: request.headers.toJSON(),
          ...(typeof request.body === 'string' ? { body: request.body } : {}),
          signal,
        });
        const { status, headers } = answer;
        const limits = { answer: LARGEST_ANSWER, refusal: LARGEST_ANSWER };
        const text = (await readAnswer(answer, limits, url.host)).toString('utf8');
        onExchange({ url, status, text });
        return answerOf(request, status, headers as Readonly<Record<string, string>>, text);
      } catch (error) {
        signal.throwIfAborted();
        onExchange({ url, error });
        throw persistent && refusalOfProxy(error)?.isUnknown !== true ? passingError(error) : error;
      }
    },
  };
}

const callers = new AsyncLocalStorage<HttpClient>();

/**
 * The client for managed identities. Of these the library keeps the first client that it was ever given for the whole
 * process (msal-node, `ManagedIdentityClient.identitySource`), whatever later credentials bring: this one asks each time
 * who is calling.
 */
export const callersHttpClient: HttpClient = {
  sendRequest: (request) => {
    const client = callers.getStore();
    if (client === undefined) throw new Error('a managed identity was asked outside of callingThrough');
    return client.sendRequest(request);
  },
};

/** Has whatever `work` sends through {@link callersHttpClient} sent by a client. */
export function callingThrough<T>(client: HttpClient, work: () => Promise<T>): Promise<T> {
  return callers.run(client, work);
}

function answerOf(
  request: PipelineRequest,
  status: number,
  headers: Readonly<Record<string, string>>,
  bodyAsText: string,
): PipelineResponse {
  return { request, status, headers: createHttpHeaders(headers), bodyAsText };
}

/** The library tries again after errors of this name with these codes only. */
function passingError(cause: unknown): Error {
  const code = codeOf(cause);
  const known = code?.startsWith('UND_ERR_') === true ? (code === 'UND_ERR_SOCKET' ? 'ECONNRESET' : 'ETIMEDOUT') : code;
  return Object.assign(new Error(messageOf(cause), { cause }), { name: 'RestError', code: known });
}
