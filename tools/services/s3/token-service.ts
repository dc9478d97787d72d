// A stand-in for AWS's Security Token Service, which cannot run here: AssumeRole and AssumeRoleWithWebIdentity as the API
// reference has them (https://docs.aws.amazon.com/STS/latest/APIReference/), strict about all that a caller can get wrong.
import { randomBytes } from 'node:crypto';
import type { ArrivedRequest, Callers } from './callers.ts';
import { Refusal } from './refusal.ts';

/** A role and whom it trusts. */
export interface Role {
  readonly arn: string;
  /** Whoever assumes it by keys must know this. */
  readonly externalId?: string;
  /** Assumed by tokens of the identity provider instead of by keys. */
  readonly byToken?: boolean;
  /** How long its sessions live; an hour. */
  readonly sessionSeconds?: number;
}

const VERSION = '2011-06-15';

export class TokenService {
  readonly #callers: Callers;
  readonly #roles = new Map<string, Role>();
  readonly #tokens = new Set<string>();
  #sessions = 0;

  constructor(callers: Callers) {
    this.#callers = callers;
  }

  /** Sessions given out so far. */
  get sessions(): number {
    return this.#sessions;
  }

  addRole(role: Role): void {
    this.#roles.set(role.arn, role);
  }

  /** A token of the identity provider that roles trust. It serves once: whoever renews must fetch a fresh one. */
  issueToken(): string {
    const token = `oidc.${randomBytes(24).toString('base64url')}`;
    this.#tokens.add(token);
    return token;
  }

  /** The XML with which a request is answered. Throws a {@link Refusal}. */
  answer(request: ArrivedRequest): string {
    const form = new URLSearchParams(request.body.toString('utf8'));
    if (form.get('Version') !== VERSION) throw new Refusal(400, 'InvalidAction', 'There is no such version.');
    const action = form.get('Action') ?? '';
    if (action === 'AssumeRole') return this.#session(action, this.#byKeys(request, form));
    if (action === 'AssumeRoleWithWebIdentity') return this.#session(action, this.#byToken(request, form));
    throw new Refusal(400, 'InvalidAction', `Could not find operation ${action}.`);
  }

  #byKeys(request: ArrivedRequest, form: URLSearchParams): Role {
    const caller = this.#callers.check(request, 'sts');
    if (caller === undefined) throw new Refusal(403, 'MissingAuthenticationToken', 'Request is missing a signature.');
    const role = this.#role(form);
    if (role.byToken === true || role.externalId !== (form.get('ExternalId') ?? undefined)) throw notTrusted(form);
    return role;
  }

  #byToken({ message }: ArrivedRequest, form: URLSearchParams): Role {
    if (message.headers.authorization !== undefined) throw new Refusal(400, 'InvalidAction', 'It must not be signed.');
    const role = this.#role(form);
    if (role.byToken !== true) throw notTrusted(form);
    if (this.#tokens.delete(form.get('WebIdentityToken') ?? '')) return role;
    throw new Refusal(400, 'InvalidIdentityToken', 'The token is not one of the provider, or was used before.');
  }

  #role(form: URLSearchParams): Role {
    if (!/^[\w+=,.@-]{2,64}$/.test(form.get('RoleSessionName') ?? '')) {
      throw new Refusal(400, 'ValidationError', "Value at 'roleSessionName' failed to satisfy constraint.");
    }
    const role = this.#roles.get(form.get('RoleArn') ?? '');
    if (role === undefined) throw notTrusted(form);
    return role;
  }

  #session(action: string, { sessionSeconds = 3600 }: Role): string {
    this.#sessions += 1;
    const { accessKeyId, secretAccessKey, sessionToken, expires } = this.#callers.addSession(sessionSeconds);
    return `<${action}Response xmlns="https://sts.amazonaws.com/doc/${VERSION}/"><${action}Result><Credentials>
      <AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey>
      <SessionToken>${sessionToken}</SessionToken><Expiration>${new Date(expires).toISOString()}</Expiration>
      </Credentials></${action}Result></${action}Response>`;
  }
}

/** AWS says the same for a role that is not there: who may not assume it shall not learn that it exists. */
function notTrusted(form: URLSearchParams): Refusal {
  const action = form.get('Action') ?? '';
  return new Refusal(
    403,
    'AccessDenied',
    `Not authorized to perform sts:${action} on resource: ${form.get('RoleArn') ?? ''}`,
  );
}
