import type { Dispatcher } from 'undici';
import { DeliveryError } from '../errors/delivery-error.ts';
import { readBounded } from '../http/bounded-body.ts';
import { request } from '../http/request.ts';
import { isPassing, isPassingError, PATIENT, wait, waitBefore } from '../http/retry.ts';
import { type Challenge, parseChallenge } from './challenge.ts';
import { mayKnowCredentials, mayLeadTo } from './registry-address.ts';
import { type Asked, refusal, unreachable } from './registry-errors.ts';

/** A user name with its password or token. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** One right to one repository, as token services name it. */
export interface Scope {
  readonly repository: string;
  readonly actions: 'pull' | 'pull,push';
}

interface Token {
  readonly header: string;
  /** In milliseconds of the clock. */
  readonly renewAt: number;
}

/** A token that does not say how long it lives lives this long, in seconds (Docker token specification). */
const SHORTEST_LIFE = 60;
const TOKEN_ANSWER_LIMIT = 1024 * 1024;

/**
 * Knows the `Authorization` header for each request to one registry: nothing, Basic, or a token from the service that
 * the registry's challenge names, renewed before it expires. Credentials go to the registry's own origin and to a token service of
 * its own domain, and nowhere else.
 */
export class RegistryAuth {
  readonly #registry: string;
  readonly #credentials: Credentials | undefined;
  readonly #dispatcher: Dispatcher;
  #challenge: Challenge | undefined;
  readonly #tokens = new Map<string, Promise<Token>>();

  constructor(registry: string, credentials: Credentials | undefined, dispatcher: Dispatcher) {
    this.#registry = registry;
    this.#credentials = credentials;
    this.#dispatcher = dispatcher;
  }

  get username(): string | undefined {
    return this.#credentials?.username;
  }

  /** Takes in what a 401 said; all tokens so far are forgotten, for one of them was refused. */
  learn(wwwAuthenticate: string): void {
    this.#challenge = parseChallenge(wwwAuthenticate) ?? this.#challenge;
    this.#tokens.clear();
  }

  /** The header for requests to the registry's origin under these scopes; undefined: send none. */
  async header(origin: URL, scopes: readonly Scope[], signal: AbortSignal): Promise<string | undefined> {
    if (this.#challenge === undefined) return undefined;
    if (this.#challenge.scheme === 'basic') return this.#basic();
    const key = scopes.map(scopeText).join(' ');
    const known = await this.#tokens.get(key)?.catch(() => undefined);
    if (known !== undefined && Date.now() < known.renewAt) return known.header;
    const fresh = this.#fetchToken(this.#challenge, origin, scopes, signal);
    this.#tokens.set(key, fresh);
    return (await fresh).header;
  }

  #basic(): string | undefined {
    if (this.#credentials === undefined) return undefined;
    const { username, password } = this.#credentials;
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }

  async #fetchToken(
    { realm, service }: Challenge & { scheme: 'bearer' },
    origin: URL,
    scopes: readonly Scope[],
    signal: AbortSignal,
  ): Promise<Token> {
    const url = this.#tokenUrl(realm, origin);
    if (service !== undefined) url.searchParams.set('service', service);
    for (const scope of scopes) url.searchParams.append('scope', scopeText(scope));
    const basic = this.#basic();
    const asked: Asked = {
      registry: this.#registry,
      repository: scopes[0]?.repository,
      doing: `give a token for ${scopes[0]?.repository ?? 'its catalogue'}`,
      username: this.username,
    };
    const answer = await this.#ask(url, basic === undefined ? {} : { authorization: basic }, asked, signal);
    return tokenOf(answer, this.#registry);
  }

  /** The token service's address, once it is sure that it may be asked. */
  #tokenUrl(realm: string, origin: URL): URL {
    const url = URL.canParse(realm, origin.href) ? new URL(realm, origin) : undefined;
    const trusted =
      url !== undefined && (this.#credentials === undefined ? mayLeadTo(origin, url) : mayKnowCredentials(origin, url));
    if (trusted) return url;
    throw new DeliveryError('REGISTRY_AUTH_UNTRUSTED', {
      message: `The registry ${this.#registry} asks for its credentials to be sent to ${url?.host ?? 'no valid address'}, which is not of its domain.`,
      remedy: 'Check the name of the registry; nothing was sent.',
    });
  }

  async #ask(url: URL, headers: Readonly<Record<string, string>>, asked: Asked, signal: AbortSignal): Promise<Buffer> {
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt === PATIENT.attempts;
      try {
        const answer = await request(this.#dispatcher, { method: 'GET', url, headers, signal });
        const body = await readBounded(answer.body, TOKEN_ANSWER_LIMIT, `The token answer of ${asked.registry}`);
        if (answer.status === 200) return body;
        // A token service says 400 or 403 where it should say 401: these credentials give no token.
        if (last || !isPassing(answer.status))
          throw refusal(answer.status === 400 ? 401 : answer.status, undefined, asked);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof DeliveryError) throw error;
        if (last || !isPassingError(error)) throw unreachable(error, asked);
      }
      await wait(waitBefore(attempt, PATIENT), signal);
    }
  }
}

function scopeText({ repository, actions }: Scope): string {
  return `repository:${repository}:${actions}`;
}

function tokenOf(body: Buffer, registry: string): Token {
  const { token, access_token, expires_in } = parseObject(body);
  const text = typeof token === 'string' ? token : access_token;
  // A line end in a header would let a token service write headers of its own.
  if (typeof text !== 'string' || !/^[\x21-\x7e]+$/.test(text)) {
    throw new DeliveryError('REGISTRY_FAILED', {
      message: `The token service of the registry ${registry} gave no token.`,
      remedy: 'Check that the name of the registry is right; if it is, run again later.',
    });
  }
  const life = typeof expires_in === 'number' && expires_in > 0 ? expires_in : SHORTEST_LIFE;
  // Renewed when four fifths of its life are over: a token must outlive the request that it opens.
  return { header: `Bearer ${text}`, renewAt: Date.now() + life * 800 };
}

function parseObject(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
