// Azure Pipelines, where it vouches for service connections. Follows
// https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create (7.1).
import { randomUUID } from 'node:crypto';
import { bearerOf, type Part } from './calls.ts';
import type { Directory } from './directory.ts';
import { issueToken, seconds } from './json-web-token.ts';

/** Issuer of an organization's assertions; the last part is the organization's id. */
export const PIPELINES_ISSUER = 'https://vstoken.dev.azure.com/6e2b1f0c-9a3d-4b8e-8f5a-0c7d1e2f3a4b';
/** What Entra expects assertions from outside to be meant for. */
export const EXCHANGE_AUDIENCE = 'api://AzureADTokenExchange';
/** Path at which a job asks for assertions (`System.OidcRequestUri`). */
export const OIDC_PATH =
  '/my-organization/8b9c/_apis/distributedtask/hubs/build/plans/0d1e/jobs/12f1170f-54f2-53f3-20dd-22fc7dff55f9/oidctoken';
/** Seconds for which an assertion is good. */
const USUAL_LIFE = 600;

export interface PipelinesSurroundings {
  readonly directory: () => Directory;
  /** Private key that signs assertions, as PEM. */
  readonly signingKey: string;
  /** How long assertions live, in seconds, where that is not the usual time; less than nothing makes expired ones. */
  readonly assertionLife: () => number | undefined;
}

export function pipelines({ directory, signingKey, assertionLife }: PipelinesSurroundings): Part {
  return ({ method, url, headers }) => {
    if (method !== 'POST' || url.pathname !== OIDC_PATH) return undefined;
    if (url.searchParams.get('api-version') !== '7.1') return refusal(400, 'The api-version is not supported.');
    if (!directory().runTokens.includes(bearerOf(headers) ?? '')) return refusal(401, 'Access denied.');
    const id = url.searchParams.get('serviceConnectionId');
    const connection = directory().connections.find((candidate) => candidate.id === id);
    if (connection === undefined) return refusal(404, `Service connection ${id ?? ''} was not found.`);
    const now = seconds();
    const claims = {
      iss: PIPELINES_ISSUER,
      sub: connection.subject,
      aud: EXCHANGE_AUDIENCE,
      jti: randomUUID(),
      iat: now,
      nbf: now - 600,
      exp: now + (assertionLife() ?? USUAL_LIFE),
    };
    return { status: 200, body: { oidcToken: issueToken(claims, signingKey, 'pipelines') } };
  };
}

function refusal(status: number, message: string): ReturnType<Part> {
  return { status, body: { $id: '1', message, typeKey: 'OidcTokenException', errorCode: 0 } };
}
