// The metadata service of machines in Azure, which gives them tokens of their managed identities. Follows
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http.
import type { Part } from './calls.ts';
import { accessToken, type EntraSurroundings } from './entra.ts';

export function instanceMetadata(surroundings: EntraSurroundings): Part {
  return ({ method, url, headers }) => {
    // The library puts a slash behind a path that it did not choose itself.
    if (method !== 'GET' || url.pathname.replace(/\/$/, '') !== '/metadata/identity/oauth2/token') return undefined;
    if (headers.metadata !== 'true') return refusal('invalid_request', 'Required metadata header not specified');
    if (url.searchParams.get('api-version') !== '2018-02-01') return refusal('invalid_request', 'Unknown api-version');
    const wanted = url.searchParams.get('client_id');
    const identity = surroundings
      .directory()
      .managedIdentities.find(({ clientId, isSystemAssigned }) =>
        wanted === null ? isSystemAssigned : clientId === wanted,
      );
    if (identity === undefined) return refusal('invalid_request', 'Identity not found');
    const resource = url.searchParams.get('resource') ?? '';
    const audience = surroundings.audienceOf(`${resource}/.default`);
    if (audience === undefined) {
      return refusal('invalid_resource', `AADSTS500011: The resource principal named ${resource} was not found.`);
    }
    const { token, life, expires } = accessToken(surroundings, identity, audience);
    return {
      status: 200,
      body: {
        access_token: token,
        client_id: identity.clientId,
        token_type: 'Bearer',
        resource,
        expires_in: String(life),
        expires_on: String(expires),
        ext_expires_in: String(life),
      },
    };
  };
}

function refusal(error: string, description: string): ReturnType<Part> {
  return { status: 400, body: { error, error_description: description } };
}
