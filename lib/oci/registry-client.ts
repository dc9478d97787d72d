import type { Dispatcher } from 'undici';
import { DeliveryError } from '../errors/delivery-error.ts';
import { readBounded, readStart } from '../http/bounded-body.ts';
import { headerOf, type HttpAnswer, type HttpRequest, request } from '../http/request.ts';
import { codeOf, isPassing, isPassingError, PATIENT, wait, waitBefore } from '../http/retry.ts';
import type { Login } from './login.ts';
import { apiOrigins, mayLeadTo } from './registry-address.ts';
import { type DockerLogin, RegistryAuth, repositoryOf, type Scope } from './registry-auth.ts';
import { type Asked, type Refusal, refusal, refusalIn, unreachable } from './registry-errors.ts';

/** What it takes to speak to one registry. */
export interface RegistryOptions {
  /** Host and perhaps port, as in image names. */
  readonly registry: string;
  readonly login?: Login | undefined;
  /** Speak plain HTTP to a registry that is not on this machine and has no HTTPS. */
  readonly allowHttp?: boolean;
  readonly dispatcher: Dispatcher;
  /** Hears of each token before it is used, to keep it out of the log. */
  readonly onToken?: (token: string) => void;
}

/** A request to a registry's API. */
export interface ApiRequest {
  readonly method: HttpRequest['method'];
  /** Path below `/v2/`, or a whole address that the registry gave. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpRequest['body'];
  readonly scopes: readonly Scope[];
  /** What is being done, for errors. */
  readonly doing: string;
  readonly signal: AbortSignal;
  readonly answerLimit?: number;
}

/** An answer with its body read. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: HttpAnswer['headers'];
  readonly body: Buffer;
}

/** Manifests may have 4 MiB by specification; anything a registry answers fits with room to spare. */
const ANSWER_LIMIT = 8 * 1024 * 1024;
const ERROR_LIMIT = 64 * 1024;
const MOST_REDIRECTS = 5;
/** A registry that answers with ever more pages is not believed. */
const MOST_PAGES = 1000;

/**
 * Speaks to one registry: finds its origin, authenticates, follows redirects without carrying credentials along, and
 * tries again where that can help. The only place that does.
 */
export class RegistryClient {
  readonly registry: string;
  readonly #dispatcher: Dispatcher;
  readonly #origins: readonly URL[];
  readonly #auth: RegistryAuth;
  #origin: Promise<URL> | undefined;

  constructor({ registry, login, allowHttp = false, dispatcher, onToken }: RegistryOptions) {
    this.registry = registry;
    this.#dispatcher = dispatcher;
    this.#origins = apiOrigins(registry, allowHttp);
    this.#auth = new RegistryAuth({ registry, login, dispatcher, onToken });
  }

  /**
   * Sends a request whose body, if any, is at hand, and reads the answer; tries again on passing failures.
   *
   * @param expected statuses to answer with as well; a passing one only if it stays
   * @throws DeliveryError where no answer comes, or for a status that is neither 2xx nor among `expected`
   */
  ask(api: ApiRequest, expected: readonly number[] = []): Promise<ApiAnswer> {
    return this.#patiently(api, expected, async (answer) => {
      return { ...answer, body: await readBounded(answer.body, ANSWER_LIMIT, `What ${this.registry} answered`) };
    });
  }

  /**
   * Opens a body to be streamed. Only its beginning is tried again; whoever reads it goes on from a broken stream by
   * another call.
   */
  open(api: ApiRequest): Promise<HttpAnswer> {
    return this.#patiently(api, [], (answer) => Promise.resolve(answer));
  }

  /** The pages of a list (OCI distribution specification, "Content Discovery"); none where there is no such list. */
  async *pages(api: ApiRequest): AsyncGenerator<Buffer> {
    let next: ApiRequest['target'] | undefined = api.target;
    for (let page = 0; next !== undefined && page < MOST_PAGES; page += 1) {
      const answer = await this.ask({ ...api, target: next }, [404]);
      if (answer.status === 404) return;
      yield answer.body;
      next = await this.nextPage(answer, api.signal);
    }
  }

  /** Where a list goes on (RFC 8288), checked; undefined at its end. */
  async nextPage(answer: ApiAnswer, signal: AbortSignal): Promise<URL | undefined> {
    const [, next] = /<([^>]+)>\s*;\s*rel="?next"?/i.exec(headerOf(answer, 'link') ?? '') ?? [];
    return next === undefined ? undefined : this.addressOf(next, signal);
  }

  /** The login in the form that docker takes; undefined where there is none. Signs in where that is part of it. */
  async dockerLogin(signal: AbortSignal): Promise<DockerLogin | undefined> {
    try {
      return await this.#auth.dockerLogin(() => this.#findOrigin(signal), signal);
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof DeliveryError ? error : this.failed({ doing: 'say hello', scopes: [] }, error);
    }
  }

  /** Sends a request once, authenticated; after a 401, once more with what that said, if the body is at hand. */
  async send(api: ApiRequest): Promise<HttpAnswer> {
    const origin = await this.#findOrigin(api.signal);
    const url = typeof api.target === 'string' ? new URL(`/v2/${api.target}`, origin) : api.target;
    const answer = await this.#sendTo(url, origin, api);
    if (answer.status !== 401 || url.origin !== origin.origin) return answer;
    const challenge = headerOf(answer, 'www-authenticate');
    if (challenge === undefined) return answer;
    this.#auth.learn(challenge);
    if (isStream(api.body)) return answer;
    await readStart(answer.body, ERROR_LIMIT);
    return this.#sendTo(url, origin, api);
  }

  /** The error for a status that ends the matter. */
  refused(api: Pick<ApiRequest, 'doing' | 'scopes'>, refused: Refusal): DeliveryError {
    return refusal(refused, this.#asked(api));
  }

  /** The error for a request that got no answer. */
  failed(api: Pick<ApiRequest, 'doing' | 'scopes'>, cause: unknown): DeliveryError {
    return unreachable(cause, this.#asked(api));
  }

  /** An address that the registry gave, such as an upload's `Location`, made absolute and checked. */
  async addressOf(location: string, signal: AbortSignal): Promise<URL> {
    const origin = await this.#findOrigin(signal);
    const url = URL.canParse(location, origin.href) ? new URL(location, origin) : undefined;
    if (url !== undefined && (url.origin === origin.origin || mayLeadTo(origin, url))) return url;
    throw new DeliveryError('REGISTRY_REDIRECT_UNSAFE', {
      message: `The registry ${this.registry} sent a request on to ${url?.host ?? 'no valid address'}, where it must not go.`,
      remedy: 'Check the name of the registry; nothing was sent there.',
    });
  }

  /** Sends a request until its answer is one to take and could be taken, or another attempt is of no use. */
  async #patiently<Taken>(
    api: ApiRequest,
    expected: readonly number[],
    take: (answer: HttpAnswer) => Promise<Taken>,
  ): Promise<Taken> {
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt === PATIENT.attempts;
      let retryAfter: string | undefined;
      try {
        const answer = await this.send(api);
        const mayPass = !last && isPassing(answer.status);
        if (isGood(answer.status) || (!mayPass && expected.includes(answer.status))) return await take(answer);
        const body = await readStart(answer.body, ERROR_LIMIT);
        if (!mayPass) throw this.refused(api, refusalIn(answer, body));
        retryAfter = headerOf(answer, 'retry-after');
      } catch (error) {
        this.#throwUnlessPassing(error, api, last);
      }
      await wait(waitBefore(attempt, PATIENT, retryAfter), api.signal);
    }
  }

  async #sendTo(url: URL, origin: URL, api: ApiRequest): Promise<HttpAnswer> {
    let target = url;
    for (let hop = 0; ; hop += 1) {
      const authorization =
        target.origin === origin.origin ? await this.#auth.header(origin, api.scopes, api.signal) : undefined;
      const answer = await request(this.#dispatcher, {
        method: api.method,
        url: target,
        headers: { ...api.headers, ...(authorization === undefined ? {} : { authorization }) },
        signal: api.signal,
        ...(api.body === undefined ? {} : { body: api.body }),
        ...(api.answerLimit === undefined ? {} : { answerLimit: api.answerLimit }),
      });
      const location = headerOf(answer, 'location');
      const follows = [301, 302, 303, 307, 308].includes(answer.status) && ['GET', 'HEAD'].includes(api.method);
      if (!follows || location === undefined || hop === MOST_REDIRECTS) return answer;
      await readStart(answer.body, ERROR_LIMIT);
      target = await this.addressOf(new URL(location, target).href, api.signal);
    }
  }

  /** Asks `/v2/` at each possible origin, which also tells how to authenticate. Done once. */
  async #findOrigin(signal: AbortSignal): Promise<URL> {
    this.#origin ??= this.#probe(signal);
    try {
      return await this.#origin;
    } catch (error) {
      this.#origin = undefined;
      throw error;
    }
  }

  async #probe(signal: AbortSignal): Promise<URL> {
    const api = { doing: 'say hello', scopes: [] };
    for (const [index, origin] of this.#origins.entries()) {
      try {
        const answer = await request(this.#dispatcher, { method: 'GET', url: new URL('/v2/', origin), signal });
        await readStart(answer.body, ERROR_LIMIT);
        const challenge = headerOf(answer, 'www-authenticate');
        if (answer.status === 401 && challenge !== undefined) this.#auth.learn(challenge);
        return origin;
      } catch (error) {
        signal.throwIfAborted();
        const next = this.#origins[index + 1];
        if (next === undefined || !speaksNoTls(error)) throw error;
      }
    }
    throw this.failed(api, new Error('no address'));
  }

  #throwUnlessPassing(error: unknown, api: ApiRequest, last: boolean): void {
    api.signal.throwIfAborted();
    if (error instanceof DeliveryError) throw error;
    if (last || !isPassingError(error)) throw this.failed(api, error);
  }

  #asked({ doing, scopes }: Pick<ApiRequest, 'doing' | 'scopes'>): Asked {
    return { registry: this.registry, repository: repositoryOf(scopes), doing, login: this.#auth.login };
  }
}

export function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}

function isStream(body: HttpRequest['body']): boolean {
  return typeof body === 'object' && Symbol.asyncIterator in body;
}

/**
 * Whether a server answered a TLS greeting by something other than TLS, as those of HTTP do. A connection that breaks says
 * nothing of the kind: whoever stands between could otherwise have the credentials sent in the clear by cutting it once.
 */
function speaksNoTls(error: unknown): boolean {
  return codeOf(error) === 'ERR_SSL_WRONG_VERSION_NUMBER';
}
