import type { Dispatcher } from 'undici';
import { DeliveryError } from '../errors/delivery-error.ts';
import { type BearerToken, bearerTokenIn, claimsOf } from './bearer-token.ts';
import type { AzureLogin, Login } from './login.ts';
import type { Asked, Refusal } from './registry-errors.ts';
import { askForToken, LoginRefused, tokenRefusal } from './token-request.ts';

/** A registry to which an identity of Microsoft Entra is shown. */
export interface ExchangeOptions {
  readonly registry: string;
  /** Where the registry answers. */
  readonly origin: URL;
  readonly login: AzureLogin & Login;
  readonly dispatcher: Dispatcher;
}

/**
 * Has an Azure Container Registry give a refresh token of its own for a token of Microsoft Entra
 * (https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md). Who it is for is told by the registry's answer alone; which
 * repositories it opens, only later.
 *
 * @throws DeliveryError `REGISTRY_INSECURE`, `REGISTRY_EXCHANGE_REFUSED`, `REGISTRY_FIREWALL`, those of signing in and of a registry
 *   that gives no answer
 */
export async function exchange(options: ExchangeOptions, signal: AbortSignal): Promise<BearerToken> {
  const { origin, registry, login } = options;
  if (origin.protocol !== 'https:') throw insecure(registry);
  const first = await login.token();
  try {
    return await exchangeToken(options, first, signal);
  } catch (error) {
    if (!(error instanceof LoginRefused)) throw error;
    // The token may have been revoked, or be of before a role was given.
    const second = await login.token(first);
    try {
      return await exchangeToken(options, second, signal);
    } catch (again) {
      throw again instanceof LoginRefused ? again.error : again;
    }
  }
}

async function exchangeToken(
  { registry, origin, login, dispatcher }: ExchangeOptions,
  token: string,
  signal: AbortSignal,
): Promise<BearerToken> {
  const { tid } = claimsOf(token);
  const asked: Asked = { registry, doing: 'let it sign in', login };
  const form = {
    grant_type: 'access_token',
    service: registry,
    tenant: typeof tid === 'string' ? tid : undefined,
    access_token: token,
  };
  const url = new URL('/oauth2/exchange', origin);
  const explain = (refused: Refusal): Error => explained(refused, asked, login.identity);
  const body = await askForToken(dispatcher, { method: 'POST', url, form, asked, signal }, explain);
  return bearerTokenIn(body, ['refresh_token'], registry);
}

function explained(refused: Refusal, asked: Asked, identity: string): Error {
  const { status } = refused;
  if (status === 404) {
    return new DeliveryError('REGISTRY_EXCHANGE_REFUSED', {
      message: `The registry ${asked.registry} knows no tokens of Microsoft Entra.`,
      remedy:
        'An Azure sign-in opens Azure Container Registry only: choose a Docker registry connection with user name and password.',
    });
  }
  if (status !== 400 && status !== 401) return tokenRefusal(refused, asked);
  return new LoginRefused(
    new DeliveryError('REGISTRY_EXCHANGE_REFUSED', {
      message: `The registry ${asked.registry} does not let ${identity} of ${asked.login?.from ?? 'the connection'} sign in${refused.message === '' ? '' : `: ${refused.message}`}`,
      remedy:
        'Check that registry and identity are of the same tenant, and give the identity AcrPush (AcrPull to read), or in ABAC mode Container Registry Repository Writer (Reader).',
    }),
  );
}

function insecure(registry: string): DeliveryError {
  return new DeliveryError('REGISTRY_INSECURE', {
    message: `The registry ${registry} answers over plain HTTP, so no token of Microsoft Entra was sent to it.`,
    remedy: 'Check the name of the registry: Azure Container Registry always speaks HTTPS.',
  });
}
