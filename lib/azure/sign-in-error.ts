import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { codeOf, isPassing } from '../http/retry.ts';
import { busy, unreachable } from './availability.ts';
import { type AzureConnection, type AzureIdentity, nameOf } from './connection.ts';
import { answerTo, type Assertion } from './entra-refusals.ts';
import type { TokenExchange } from './identity-http-client.ts';

/** How far signing in came. */
export interface SignInTrace {
  /** The last request that was made for a token; undefined where it failed before any. */
  readonly last: TokenExchange | undefined;
  /** What Azure Pipelines vouched for, in a federated sign-in. */
  readonly assertion: Assertion | undefined;
}

/** What Entra says of a refusal (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response). */
interface Refusal {
  readonly number: number | undefined;
  readonly words: string;
}

/** The one error that a user should read where an identity cannot sign in. */
export function signInError(cause: unknown, connection: AzureConnection, trace: SignInTrace): DeliveryError {
  if (cause instanceof DeliveryError) return cause;
  const { last, assertion } = trace;
  if (last?.error !== undefined) return noAnswer(last, connection);
  if (connection.identity.kind === 'managed') return notManaged(last, cause);
  if (last?.url.pathname.endsWith('/oidctoken') === true) return notVouchedFor(last, connection);
  if (last?.status === undefined || last.status === 200) return unusable(cause, connection);
  if (isPassing(last.status)) return busy(last.url.host, last.status);
  return refused(cause, refusalOf(last), connection, connection.identity, assertion);
}

/** The library itself gave up, without having been refused. */
function unusable(cause: unknown, { id, identity }: AzureConnection): DeliveryError {
  if (identity.kind === 'federated') {
    return new DeliveryError('AZURE_VOUCHER_REFUSED', {
      message: `The agent cannot have Azure Pipelines vouch for the service connection "${id}": ${messageOf(cause)}.`,
      remedy: 'Update the agent; it must set SYSTEM_OIDCREQUESTURI for the tasks that it runs.',
    });
  }
  return new DeliveryError('AZURE_SIGN_IN_REFUSED', {
    message: `The service connection "${id}" cannot be used to sign in: ${messageOf(cause)}.`,
    remedy: 'Edit it under Project settings → Service connections and save it again.',
    cause,
  });
}

function noAnswer({ url, error }: TokenExchange, { identity }: AzureConnection): DeliveryError {
  if (identity.kind === 'managed') {
    return new DeliveryError('MANAGED_IDENTITY_MISSING', {
      message: `The agent's machine gives no managed identity: ${url.host} could not be reached (${codeOf(error) ?? messageOf(error)}).`,
      remedy: 'Run on an agent in Azure that has one, or choose a connection with workload identity federation.',
      cause: error,
    });
  }
  return unreachable(url.host, error);
}

function notManaged(last: TokenExchange | undefined, cause: unknown): DeliveryError {
  const why = last === undefined ? messageOf(cause) : refusalOf(last).words;
  return new DeliveryError('MANAGED_IDENTITY_MISSING', {
    message: `The agent's machine does not have the managed identity that the service connection names: ${why}`,
    remedy:
      'Assign the identity to the machine or its scale set, or choose a connection with workload identity federation.',
    cause,
  });
}

function notVouchedFor({ status }: TokenExchange, { id }: AzureConnection): DeliveryError {
  // Its cause is not kept: the library puts the whole request into it, with the run's own token.
  return new DeliveryError('AZURE_VOUCHER_REFUSED', {
    message: `Azure Pipelines did not vouch for the service connection "${id}": it answered ${String(status)}.`,
    remedy: 'Check that this pipeline may use the connection, and that the job has not ended or lost its access token.',
  });
}

function refused(
  cause: unknown,
  { number, words }: Refusal,
  { id }: AzureConnection,
  identity: Exclude<AzureIdentity, { kind: 'managed' }>,
  assertion: Assertion | undefined,
): DeliveryError {
  const { code, remedy } = answerTo(number);
  return new DeliveryError(code, {
    message: `Microsoft Entra did not let ${nameOf(identity)} of the service connection "${id}" sign in: ${words}`,
    remedy: remedy({ ...identity, connectionId: id, assertion }),
    cause,
  });
}

function refusalOf({ text = '', status }: TokenExchange): Refusal {
  const { error, error_codes: numbers, error_description: description } = jsonOf(text);
  const said =
    typeof description === 'string' ? description : typeof error === 'string' ? error : `it answered ${String(status)}`;
  // The first sentence says it; what follows is advice for programmers and ids of the request.
  const words = said.split(/\r?\n|(?<=[.!?]) /)[0] ?? said;
  const [number] = Array.isArray(numbers) ? (numbers as unknown[]) : [];
  return {
    number: typeof number === 'number' ? number : Number(/^AADSTS(\d+)/.exec(words)?.[1] ?? NaN),
    words: /[.!?]$/.test(words) ? words : `${words}.`,
  };
}

function jsonOf(text: string): Readonly<Partial<Record<string, unknown>>> {
  try {
    return JSON.parse(text) as Readonly<Partial<Record<string, unknown>>>;
  } catch {
    return {};
  }
}
