import type { Dispatcher } from 'undici';
import { DeliveryError } from '../errors/delivery-error.ts';
import { readBounded } from '../http/bounded-body.ts';
import { headerOf, type HttpRequest, request } from '../http/request.ts';
import { isPassing, isPassingError, PATIENT, wait, waitBefore } from '../http/retry.ts';
import { type Asked, type Refusal, refusal, refusalIn, unreachable } from './registry-errors.ts';

const ANSWER_LIMIT = 1024 * 1024;

/** A request for a token, and what it is about. */
export type TokenRequest = Pick<HttpRequest, 'method' | 'url' | 'headers' | 'signal'> & {
  /** Sent as a form. */
  readonly form?: Readonly<Record<string, string | undefined>>;
  readonly asked: Asked;
};

/**
 * Asks a token service and gives its answer's body; tries again on passing failures.
 *
 * @param explain tells a refusal in the caller's terms
 * @throws DeliveryError what `explain` makes, and those of a registry that gives no answer
 */
export async function askForToken(
  dispatcher: Dispatcher,
  { method, url, headers = {}, form, asked, signal }: TokenRequest,
  explain: (refused: Refusal) => Error = (refused) => tokenRefusal(refused, asked),
): Promise<Buffer> {
  for (let attempt = 1; ; attempt += 1) {
    const last = attempt === PATIENT.attempts;
    let retryAfter: string | undefined;
    try {
      const answer = await request(dispatcher, {
        method,
        url,
        signal,
        headers: headersOf(headers, form),
        ...bodyOf(form),
      });
      const body = await readBounded(answer.body, ANSWER_LIMIT, `The token answer of ${asked.registry}`);
      if (answer.status === 200) return body;
      if (last || !isPassing(answer.status)) throw explain(refusalIn(answer, body));
      retryAfter = headerOf(answer, 'retry-after');
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof DeliveryError || error instanceof LoginRefused) throw error;
      if (last || !isPassingError(error)) throw unreachable(error, asked);
    }
    await wait(waitBefore(attempt, PATIENT, retryAfter), signal);
  }
}

/** A token service says 400 where it should say 401: these credentials give no token. */
export function tokenRefusal(refused: Refusal, asked: Asked): DeliveryError {
  return refusal({ ...refused, status: refused.status === 400 ? 401 : refused.status }, asked);
}

/** What was shown is not good any more, but a newer one may be; `error` is for those who have none. */
export class LoginRefused extends Error {
  readonly error: DeliveryError;

  constructor(error: DeliveryError) {
    super(error.message);
    this.error = error;
  }
}

/** Tells what another token might mend from what it would not. */
export function orLoginRefused(asked: Asked): (refused: Refusal) => Error {
  return (refused) => {
    const error = tokenRefusal(refused, asked);
    return refused.status === 400 || refused.status === 401 ? new LoginRefused(error) : error;
  };
}

function headersOf(
  headers: Readonly<Record<string, string>>,
  form: TokenRequest['form'],
): Readonly<Record<string, string>> {
  return form === undefined ? headers : { ...headers, 'content-type': 'application/x-www-form-urlencoded' };
}

function bodyOf(form: TokenRequest['form']): { readonly body?: string } {
  if (form === undefined) return {};
  const given = Object.entries(form).filter((field): field is [string, string] => field[1] !== undefined);
  return { body: new URLSearchParams(given).toString() };
}
