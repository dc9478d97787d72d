// Tokens that the registry takes, as https://distribution.github.io/distribution/spec/auth/jwt/ has them.
import { randomUUID, X509Certificate } from 'node:crypto';
import type { CertifiedKey } from './azure/certificates.ts';
import { issueToken, seconds } from './azure/json-web-token.ts';

/** Rights to one repository, or to the list of all (`type: registry`, `repository: catalog`). */
export interface RepositoryAccess {
  readonly type?: 'repository' | 'registry';
  readonly repository: string;
  readonly actions: readonly string[];
}

/** Who signs a registry's tokens. */
export interface TokenIssuer {
  readonly issuer: string;
  /** The registry, as tokens name it. */
  readonly service: string;
  readonly key: CertifiedKey;
}

/**
 * Signs a token.
 *
 * @param life in seconds
 */
export function registryToken(
  { issuer, service, key }: TokenIssuer,
  subject: string,
  access: readonly RepositoryAccess[],
  life: number,
): string {
  const now = seconds();
  const claims = {
    iss: issuer,
    sub: subject,
    aud: service,
    jti: randomUUID(),
    // The second that has begun counts, as with Entra's tokens.
    iat: now,
    nbf: now,
    exp: now + life + 1,
    access: access.map(({ type = 'repository', repository: name, actions }) => ({ type, name, actions })),
  };
  const certificate = new X509Certificate(key.certificate).raw.toString('base64');
  return issueToken(claims, key.key, undefined, { x5c: [certificate] });
}

/** Reads scopes such as `repository:team/app:pull,push` and `registry:catalog:*`; undefined where one of them is none. */
export function readScopes(scopes: readonly string[]): readonly RepositoryAccess[] | undefined {
  const read = scopes.map((scope) => /^(?:repository:([^:]+):([a-z_,]+)|registry:catalog:\*)$/.exec(scope));
  if (read.includes(null)) return undefined;
  return read.map((parts): RepositoryAccess => {
    const [, repository, actions = ''] = parts ?? [];
    if (repository === undefined) return { type: 'registry', repository: 'catalog', actions: ['*'] };
    return { repository, actions: actions.split(',') };
  });
}
