import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { codeOf, isPassing } from '../http/retry.ts';
import { busy, unreachable } from './availability.ts';
import { type AzureConnection, type AzureIdentity, nameOf } from './connection.ts';
import type { TokenExchange } from './identity-http-client.ts';

/** How far signing in came. */
export interface SignInTrace {
  /** The last request that was made for a token; undefined where it failed before any. */
  readonly last: TokenExchange | undefined;
  /** What Azure Pipelines vouched for, in a federated sign-in. */
  readonly assertion: Assertion | undefined;
}

/** The claims of a federated assertion that a federated credential in Entra has to repeat. */
export interface Assertion {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

/** What Entra says of a refusal (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response). */
interface Refusal {
  readonly number: number | undefined;
  readonly words: string;
}

interface Explanation {
  readonly code: string;
  readonly remedy: string;
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
  const names = { ...identity, id };
  const { code, remedy } = explanationOf(number, names, assertion) ?? {
    code: 'AZURE_SIGN_IN_REFUSED',
    remedy: `Look the number up at https://login.microsoftonline.com/error, and check the service connection "${id}".`,
  };
  return new DeliveryError(code, {
    message: `Microsoft Entra did not let ${nameOf(identity)} of the service connection "${id}" sign in: ${words}`,
    remedy,
    cause,
  });
}

/** Numbers of https://learn.microsoft.com/entra/identity-platform/reference-error-codes and what to do about each. */
function explanationOf(
  number: number | undefined,
  { tenantId, clientId, id }: { readonly tenantId: string; readonly clientId: string; readonly id: string },
  assertion: Assertion | undefined,
): Explanation | undefined {
  const orFederate = 'or convert the connection to workload identity federation, which has no secret';
  switch (number) {
    case 7000215: // invalid client secret
      return {
        code: 'AZURE_SECRET_REFUSED',
        remedy: `Put the value (not the id) of a secret of the application ${clientId} into the connection, ${orFederate}.`,
      };
    case 7000222: // expired client secret
      return {
        code: 'AZURE_SECRET_EXPIRED',
        remedy: `Make a new secret for the application ${clientId} and put it into the connection, ${orFederate}.`,
      };
    case 700027: // the assertion's signature: the certificate is not, or no longer, the application's
      return {
        code: 'AZURE_CERTIFICATE_REFUSED',
        remedy: `Upload the certificate to the application ${clientId} (Certificates & secrets), ${orFederate}.`,
      };
    case 70021: // no federated credential matches
    case 700211: // … its issuer
    case 700212: // … its audience
    case 700213: // … its subject
      return { code: 'AZURE_FEDERATION_MISSING', remedy: federationRemedy(clientId, assertion) };
    case 700024: // the assertion is not valid yet, or no longer
    case 500133:
      return {
        code: 'AZURE_ASSERTION_EXPIRED',
        remedy: "Check the clock of the agent's machine, and run again.",
      };
    case 700016: // the application is not in the tenant
    case 7000229: // … has no service principal there
      return {
        code: 'AZURE_IDENTITY_NOT_FOUND',
        remedy: `Check tenant and application of the connection "${id}": the application must exist in the tenant ${tenantId}.`,
      };
    case 90002: // no such tenant
    case 900023: // not the name of a tenant
      return {
        code: 'AZURE_IDENTITY_NOT_FOUND',
        remedy: `Check the tenant of the connection "${id}", and that it belongs to the connection's cloud.`,
      };
    case 7000112: // the application is disabled
      return { code: 'AZURE_SIGN_IN_BLOCKED', remedy: `Enable the application ${clientId} in Microsoft Entra.` };
    case 53003: // Conditional Access
    case 530035:
      return {
        code: 'AZURE_SIGN_IN_BLOCKED',
        remedy: `Have the Conditional Access policy of the tenant ${tenantId} allow this identity from the agent's network.`,
      };
    default:
      return undefined;
  }
}

function federationRemedy(clientId: string, assertion: Assertion | undefined): string {
  const fields =
    assertion === undefined
      ? 'the issuer and subject that the service connection shows'
      : `issuer ${assertion.issuer}, subject ${assertion.subject} and audience ${assertion.audience}`;
  return `Add to the application ${clientId} a federated credential with ${fields}.`;
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
