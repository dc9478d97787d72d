import type { Dispatcher } from 'undici';
import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { readBounded } from '../http/bounded-body.ts';
import { headerOf, request } from '../http/request.ts';
import { codeOf } from '../http/retry.ts';

/** A request to the service; `path` begins with a slash and belongs below the service's own address. */
export interface ServiceRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** What the service answered, whole. */
export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  readonly contentType: string | undefined;
  /** Where a redirection leads; none is followed. */
  readonly location: string | undefined;
  readonly body: Buffer;
  /** From the request to the last byte of the answer. */
  readonly milliseconds: number;
}

/** Why there is no answer: nobody listens, time is over, too much came, or the connection broke. */
export interface NoAnswer {
  readonly kind: 'refused' | 'timeout' | 'tooLarge' | 'broken';
  /** A clause for messages, such as `did not answer within 30 s`. */
  readonly why: string;
  readonly milliseconds: number;
}

export type Reply = Answer | NoAnswer;

/**
 * A running service, however it is reached. That it does not answer is a reply as well; only the signal's abort is thrown.
 */
export type Service = (request: ServiceRequest, signal: AbortSignal) => Promise<Reply>;

/** How a service is reached over HTTP. */
export interface HttpService {
  /** Its address; with a path, such as `https://example.com/digits`, requests go below it. */
  readonly url: URL;
  readonly dispatcher: Dispatcher;
  /** Sent along with every request, such as an authorization. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A request must be answered whole within this time, in milliseconds. */
  readonly requestLimit: number;
  /** An answer may have this many bytes; of a longer one no more is read. */
  readonly answerLimit?: number;
}

/** In bytes. No score has more, and memory holds as many of them as there are requests at once. */
const ANSWER_LIMIT = 16 * 1024 * 1024;

/** A service at an address. Redirections are not followed: they are answers to be judged. */
export function httpService(service: HttpService): Service {
  return async (wanted, signal) => {
    const started = performance.now();
    const limit = AbortSignal.timeout(service.requestLimit);
    try {
      return await answerOf(service, wanted, AbortSignal.any([signal, limit]), started);
    } catch (error) {
      signal.throwIfAborted();
      const milliseconds = performance.now() - started;
      if (limit.aborted)
        return { kind: 'timeout', why: `did not answer within ${service.requestLimit / 1000} s`, milliseconds };
      return { ...reasonOf(error), milliseconds };
    }
  };
}

async function answerOf(
  { url, dispatcher, headers = {}, answerLimit = ANSWER_LIMIT }: HttpService,
  wanted: ServiceRequest,
  signal: AbortSignal,
  started: number,
): Promise<Answer> {
  const { method, path, body } = wanted;
  const answer = await request(dispatcher, {
    method,
    url: addressOf(url, path),
    headers: { ...headers, ...wanted.headers },
    ...(body === undefined ? {} : { body }),
    signal,
  });
  const bytes = await readBounded(answer.body, answerLimit, 'The answer');
  return {
    kind: 'answer',
    status: answer.status,
    contentType: headerOf(answer, 'content-type'),
    location: headerOf(answer, 'location'),
    body: bytes,
    milliseconds: performance.now() - started,
  };
}

/** The address of a path below a service, whose own address may or may not end with a slash. */
export function addressOf(service: URL, path: string): URL {
  return new URL(`${service.origin}${service.pathname.replace(/\/+$/, '')}${path}`);
}

function reasonOf(error: unknown): Pick<NoAnswer, 'kind' | 'why'> {
  if (error instanceof DeliveryError && error.code === 'ANSWER_TOO_LARGE') {
    return {
      kind: 'tooLarge',
      why: `sent more than ${/\d+/.exec(error.message)?.[0] ?? ''} bytes, of which no more was read`,
    };
  }
  const code = codeOf(error) ?? messageOf(error);
  if (/^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|E(?:HOST|NET)UNREACH|UND_ERR_CONNECT_TIMEOUT)$/.test(code)) {
    return { kind: 'refused', why: `cannot be reached (${code})` };
  }
  return { kind: 'broken', why: `broke the connection off (${code})` };
}
