import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { RoleError } from './s3-errors.ts';
import type { AssumedRole, S3Keys } from './s3-access.ts';
import type { RequestHandler } from './s3-requests.ts';

type Sdk = typeof import('./s3-sdk.ts');

/** What clients of S3 and of its token service are set up with alike. */
export type SdkConfig = Required<Pick<S3ClientConfig, 'region' | 'maxAttempts' | 'retryMode' | 'defaultsMode'>> & {
  readonly requestHandler: RequestHandler;
};

/** Keys of a session, which end. */
export interface SessionKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/** A session is renewed when this much of its life is left … */
const LAST_PART = 1 / 3;
/** … but not earlier than this before its end, in milliseconds. */
const LONGEST_LAST_PART = 5 * 60_000;

/**
 * Gives keys of a role that are valid for a while: renewed before they end, however long a transfer takes, and asked for
 * once, however many requests wait for them.
 */
export class RoleKeys {
  readonly #assume: () => Promise<SessionKeys>;
  readonly #now: () => number;
  #held: { readonly keys: SessionKeys; readonly renewal: number } | undefined;
  #pending: Promise<SessionKeys> | undefined;

  constructor(assume: () => Promise<SessionKeys>, now: () => number = Date.now) {
    this.#assume = assume;
    this.#now = now;
  }

  /** Keys to sign with now. Throws a {@link RoleError} where there are none, and no older ones that still hold. */
  async keys(): Promise<SessionKeys> {
    const held = this.#held;
    if (held !== undefined && this.#now() < held.renewal) return held.keys;
    try {
      return await this.#renewed();
    } catch (error) {
      if (held !== undefined && this.#now() < held.keys.expiration.getTime()) return held.keys;
      throw error;
    }
  }

  /** The store says that the keys have expired, whatever this machine's clock says. */
  forget(): void {
    this.#held = undefined;
  }

  #renewed(): Promise<SessionKeys> {
    this.#pending ??= this.#renew().finally(() => (this.#pending = undefined));
    return this.#pending;
  }

  async #renew(): Promise<SessionKeys> {
    const keys = await this.#assume().catch((cause: unknown) => {
      throw new RoleError(cause);
    });
    const end = keys.expiration.getTime();
    this.#held = { keys, renewal: end - Math.min((end - this.#now()) * LAST_PART, LONGEST_LAST_PART) };
    return keys;
  }
}

/** A web identity is proof enough: requests that carry one are not signed. */
const NOBODY = { accessKeyId: '', secretAccessKey: '' };

/** Keys as the SDK takes them. */
export function asIdentity({ accessKeyId, secretAccessKey, sessionToken }: S3Keys): {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
} {
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

/** Asks the Security Token Service for a session of a role. */
export function assumption(
  sdk: Sdk,
  role: AssumedRole,
  config: SdkConfig,
  signal: AbortSignal,
): () => Promise<SessionKeys> {
  const { arn: RoleArn, sessionName: RoleSessionName, externalId, by, hide } = role;
  const client = new sdk.STSClient({ ...config, credentials: by.kind === 'keys' ? asIdentity(by) : NOBODY });
  const who = { RoleArn, RoleSessionName };
  const ask = async () =>
    by.kind === 'keys'
      ? client.send(
          new sdk.AssumeRoleCommand({ ...who, ...(externalId === undefined ? {} : { ExternalId: externalId }) }),
          { abortSignal: signal },
        )
      : client.send(new sdk.AssumeRoleWithWebIdentityCommand({ ...who, WebIdentityToken: await by.token(signal) }), {
          abortSignal: signal,
        });
  return async () => {
    const { Credentials } = await ask();
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
    if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration) throw new Error('the answer held no keys');
    hide(SecretAccessKey);
    hide(SessionToken);
    return {
      ...{ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken },
      expiration: Expiration,
    };
  };
}
