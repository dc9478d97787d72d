import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { Renewable } from '../../http/renewable.ts';
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

/** Gives keys of a role that are valid for a while. */
export class RoleKeys {
  readonly #sessions: Renewable<SessionKeys>;

  constructor(assume: () => Promise<SessionKeys>, now: () => number = Date.now) {
    this.#sessions = new Renewable(async () => {
      const keys = await assume().catch((cause: unknown) => {
        throw new RoleError(cause);
      });
      return { value: keys, ends: keys.expiration.getTime() };
    }, now);
  }

  /** Keys to sign with now. Throws a {@link RoleError} where there are none, and no older ones that still hold. */
  keys(): Promise<SessionKeys> {
    return this.#sessions.current();
  }

  /** The store says that the keys have expired, whatever this machine's clock says. */
  forget(): void {
    this.#sessions.forget();
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
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      expiration: Expiration,
    };
  };
}
