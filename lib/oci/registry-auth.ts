import type { Dispatcher } from 'undici';
import { DeliveryError } from '../errors/delivery-error.ts';
import { exchange } from './azure-exchange.ts';
import { type BearerToken, bearerTokenIn, HeldToken } from './bearer-token.ts';
import { type Challenge, parseChallenge } from './challenge.ts';
import { type Login, NO_USERNAME } from './login.ts';
import { mayKnowCredentials, mayLeadTo } from './registry-address.ts';
import type { Asked } from './registry-errors.ts';
import { askForToken, LoginRefused, orLoginRefused } from './token-request.ts';

/** One right, as token services name it: to one repository, or to the list of all. */
export type Scope = RepositoryScope | 'catalogue';

export interface RepositoryScope {
  readonly repository: string;
  /** `metadata_read` is Azure Container Registry's own, for its lists of tags and manifests. */
  readonly actions: 'pull' | 'pull,push' | 'pull,metadata_read';
}

/** Whom a registry is to let in. */
export interface AuthOptions {
  readonly registry: string;
  /** Undefined: nobody in particular. */
  readonly login: Login | undefined;
  readonly dispatcher: Dispatcher;
  /** Hears of each token before it is used, to keep it out of the log. */
  readonly onToken?: ((token: string) => void) | undefined;
}

/** A login in the form that docker takes from its configuration. */
export type DockerLogin = { readonly username: string; readonly password: string } | { readonly registryToken: string };

/** Who asks, as token services want to be told (Docker token specification, "client_id"). */
const CLIENT_ID = 'model-delivery';

/**
 * Knows the `Authorization` header for each request to one registry: nothing, Basic, or a token from the service that
 * the registry's challenge names, renewed before it expires. Credentials go to the registry's own origin and to a token service of
 * its own domain, those of Azure to the registry's own origin alone, and nothing of it anywhere else.
 */
export class RegistryAuth {
  readonly #options: AuthOptions;
  #challenge: Challenge | undefined;
  readonly #tokens = new Map<string, HeldToken>();
  #exchanged: HeldToken | undefined;

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  get login(): Login | undefined {
    return this.#options.login;
  }

  /** Takes in what a 401 said; all tokens so far are forgotten, for one of them was refused. */
  learn(wwwAuthenticate: string): void {
    this.#challenge = parseChallenge(wwwAuthenticate) ?? this.#challenge;
    this.#tokens.clear();
  }

  /** The header for requests to the registry's origin under these scopes; undefined: send none. */
  async header(origin: URL, scopes: readonly Scope[], signal: AbortSignal): Promise<string | undefined> {
    const challenge = this.#challenge;
    const { login } = this.#options;
    if (challenge === undefined) return undefined;
    if (login?.kind === 'token') return `Bearer ${login.token}`;
    if (challenge.scheme === 'basic') return this.#basic(origin, signal);
    const key = scopes.map(scopeText).join(' ');
    const held = this.#tokens.get(key) ?? new HeldToken((until) => this.#scopedToken(challenge, origin, scopes, until));
    this.#tokens.set(key, held);
    return `Bearer ${await held.token(signal)}`;
  }

  /** The login for docker, which then signs in on its own; undefined where there is none. */
  async dockerLogin(origin: () => Promise<URL>, signal: AbortSignal): Promise<DockerLogin | undefined> {
    const { login } = this.#options;
    switch (login?.kind) {
      case undefined:
        return undefined;
      case 'password':
        return { username: login.username, password: login.password };
      case 'token':
        return { registryToken: login.token };
      case 'refreshToken':
        return { username: login.username, password: login.refreshToken };
      case 'azure':
        return { username: NO_USERNAME, password: await this.#refreshToken(await origin(), signal) };
    }
  }

  async #basic(origin: URL, signal: AbortSignal): Promise<string | undefined> {
    const login = await this.dockerLogin(() => Promise.resolve(origin), signal);
    if (login === undefined || !('username' in login)) return undefined;
    return basicHeader(login.username, login.password);
  }

  async #scopedToken(
    { realm, service }: Challenge & { scheme: 'bearer' },
    origin: URL,
    scopes: readonly Scope[],
    signal: AbortSignal,
  ): Promise<BearerToken> {
    const { login, registry, onToken } = this.#options;
    const url = this.#tokenUrl(realm, origin);
    const repository = repositoryOf(scopes);
    const asked: Asked = { registry, repository, doing: `give a token for ${repository ?? 'its catalogue'}`, login };
    const wanted = { url, service, scopes: scopes.map(scopeText), asked, signal };
    const token =
      login?.kind === 'azure' || login?.kind === 'refreshToken'
        ? await this.#byRefreshToken(wanted, origin)
        : await this.#byPassword(wanted);
    onToken?.(token.text);
    return token;
  }

  /** As https://distribution.github.io/distribution/spec/auth/token/ has it. */
  async #byPassword({ url, service, scopes, asked, signal }: WantedToken): Promise<BearerToken> {
    const { login, registry, dispatcher } = this.#options;
    const query = new URL(url);
    if (service !== undefined) query.searchParams.set('service', service);
    for (const scope of scopes) query.searchParams.append('scope', scope);
    const headers = login?.kind === 'password' ? { authorization: basicHeader(login.username, login.password) } : {};
    const body = await askForToken(dispatcher, { method: 'GET', url: query, headers, asked, signal });
    return bearerTokenIn(body, ['token', 'access_token'], registry);
  }

  /** As https://distribution.github.io/distribution/spec/auth/oauth/ has it. A refresh token that ended is replaced once. */
  async #byRefreshToken(wanted: WantedToken, origin: URL): Promise<BearerToken> {
    const first = await this.#refreshToken(origin, wanted.signal);
    try {
      return await this.#redeem(wanted, first);
    } catch (error) {
      if (!(error instanceof LoginRefused)) throw error;
      if (this.login?.kind !== 'azure') throw error.error;
    }
    const second = await this.#refreshToken(origin, wanted.signal, first);
    return this.#redeem(wanted, second).catch((error: unknown) => {
      throw error instanceof LoginRefused ? error.error : error;
    });
  }

  async #redeem({ url, service, scopes, asked, signal }: WantedToken, refreshToken: string): Promise<BearerToken> {
    const { registry, dispatcher } = this.#options;
    const form = {
      grant_type: 'refresh_token',
      client_id: CLIENT_ID,
      service,
      scope: scopes.join(' '),
      refresh_token: refreshToken,
    };
    const body = await askForToken(dispatcher, { method: 'POST', url, form, asked, signal }, orLoginRefused(asked));
    return bearerTokenIn(body, ['access_token'], registry);
  }

  /** The token that gives others, with Azure one that the registry gave for one of Microsoft Entra. */
  async #refreshToken(origin: URL, signal: AbortSignal, refused?: string): Promise<string> {
    const { login, registry, dispatcher, onToken } = this.#options;
    if (login?.kind === 'refreshToken') return login.refreshToken;
    if (login?.kind !== 'azure') throw new Error('only these two kinds of login have a refresh token');
    this.#exchanged ??= new HeldToken(async (until) => {
      const token = await exchange({ registry, origin, login, dispatcher }, until);
      onToken?.(token.text);
      return token;
    });
    return this.#exchanged.token(signal, refused);
  }

  /** The token service's address, once it is sure that it may be asked. */
  #tokenUrl(realm: string, origin: URL): URL {
    const { login, registry } = this.#options;
    const url = URL.canParse(realm, origin.href) ? new URL(realm, origin) : undefined;
    if (url !== undefined && mayAsk(login, origin, url)) return url;
    throw new DeliveryError('REGISTRY_AUTH_UNTRUSTED', {
      message: `The registry ${registry} asks for its credentials to be sent to ${url?.host ?? 'no valid address'}, which is not ${login?.kind === 'azure' ? 'the registry itself' : 'of its domain'}.`,
      remedy: 'Check the name of the registry; nothing was sent.',
    });
  }
}

/** A token for one scope or several, and where to ask for it. */
interface WantedToken {
  readonly url: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly asked: Asked;
  readonly signal: AbortSignal;
}

function mayAsk(login: Login | undefined, origin: URL, service: URL): boolean {
  if (login === undefined) return mayLeadTo(origin, service);
  // Azure Container Registry gives its tokens itself.
  return login.kind === 'azure' ? service.origin === origin.origin : mayKnowCredentials(origin, service);
}

function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** The repository that a request concerns; undefined where it concerns none. */
export function repositoryOf([first]: readonly Scope[]): string | undefined {
  return typeof first === 'object' ? first.repository : undefined;
}

function scopeText(scope: Scope): string {
  return scope === 'catalogue' ? 'registry:catalog:*' : `repository:${scope.repository}:${scope.actions}`;
}
