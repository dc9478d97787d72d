import type { Dispatcher } from 'undici';
import { DeliveryError } from '../errors/delivery-error.ts';
import { readBounded, readStart } from '../http/bounded-body.ts';
import { headerOf, request } from '../http/request.ts';
import { isPassing, isPassingError, PATIENT, wait, waitBefore } from '../http/retry.ts';

/** Who asks Azure Pipelines to vouch for a service connection. */
export interface Voucher {
  /** `System.OidcRequestUri`. */
  readonly requestUri: string;
  /** The run's own token. */
  readonly accessToken: string;
  /** Id of the service connection. */
  readonly connection: string;
}

/** An answer with a token is a few KB. */
const LARGEST_ANSWER = 64 * 1024;

/**
 * Has Azure Pipelines vouch for a service connection: a token that others who trust this organisation take as proof. It
 * lives for about ten minutes, so each use takes a fresh one.
 *
 * @throws DeliveryError `AZURE_VOUCHER_REFUSED`
 */
export async function oidcToken(voucher: Voucher, dispatcher: Dispatcher, signal: AbortSignal): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const last = attempt === PATIENT.attempts;
    try {
      const answer = await ask(voucher, dispatcher, signal);
      if (answer.token !== undefined) return answer.token;
      if (last || !isPassing(answer.status)) throw refused(voucher, `answered ${answer.status}`);
      await wait(waitBefore(attempt, PATIENT, answer.retryAfter), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof DeliveryError) throw error;
      if (last || !isPassingError(error)) throw refused(voucher, 'could not be reached');
      await wait(waitBefore(attempt, PATIENT), signal);
    }
  }
}

async function ask(
  { requestUri, accessToken, connection }: Voucher,
  dispatcher: Dispatcher,
  signal: AbortSignal,
): Promise<{ readonly token?: string; readonly status: number; readonly retryAfter?: string | undefined }> {
  const url = new URL(requestUri);
  url.searchParams.set('api-version', '7.1');
  url.searchParams.set('serviceConnectionId', connection);
  const headers = { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' };
  const answer = await request(dispatcher, { method: 'POST', url, headers, body: '{}', signal });
  const { status, body } = answer;
  if (status !== 200) {
    await readStart(body, LARGEST_ANSWER);
    return { status, retryAfter: headerOf(answer, 'retry-after') };
  }
  const text = (await readBounded(body, LARGEST_ANSWER, 'The answer of Azure Pipelines')).toString('utf8');
  const token = /"oidcToken"\s*:\s*"([^"]+)"/.exec(text)?.[1];
  return token === undefined ? { status } : { status, token };
}

function refused({ connection }: Voucher, what: string): DeliveryError {
  return new DeliveryError('AZURE_VOUCHER_REFUSED', {
    message: `Azure Pipelines did not vouch for the service connection "${connection}": it ${what}.`,
    remedy: 'Check that this pipeline may use the connection, and that the job has not ended or lost its access token.',
  });
}
