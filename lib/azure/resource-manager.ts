import type { Dispatcher } from 'undici';
import { DeliveryError } from '../errors/delivery-error.ts';
import { readAnswer } from '../http/bounded-body.ts';
import { headerOf, request } from '../http/request.ts';
import { isPassing, isPassingError, PATIENT, wait, waitBefore } from '../http/retry.ts';
import { busy, unreachable } from './availability.ts';
import type { AzureCloud } from './cloud.ts';

/** What Azure Resource Manager answers to a request that it did not carry out. */
export interface Refusal {
  readonly status: number;
  /** Its word for it, such as `AuthorizationFailed`; '' where it gave none. */
  readonly code: string;
  readonly message: string;
}

export interface ResourceManagerOptions {
  readonly cloud: AzureCloud;
  /** Gives a token for {@link AzureCloud.resourceManagerScope}. */
  readonly token: () => Promise<string>;
  /** Who asks, for messages: `the application 1f0c…`. */
  readonly identity: string;
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
}

interface Attempt {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

/** Pages of lists are the largest answers: some thousand resources with all their properties. */
const LARGEST_ANSWER = 64 * 1024 * 1024;
const LARGEST_REFUSAL = 64 * 1024;

/** Azure Resource Manager: what there is in a subscription, and how to get at it. */
export class ResourceManager {
  readonly #options: ResourceManagerOptions;

  constructor(options: ResourceManagerOptions) {
    this.#options = options;
  }

  /**
   * Sends a request and gives its answer.
   *
   * @param path below the root, with its `api-version`
   * @param explain tells a refusal in the caller's terms; undefined where it has none
   * @throws DeliveryError `AZURE_UNREACHABLE`, `AZURE_BUSY`, `AZURE_TOKEN_REFUSED`, `AZURE_SUBSCRIPTION_NOT_FOUND`,
   *   `AZURE_FORBIDDEN`, `AZURE_FAILED`, and what `explain` makes
   */
  async ask(
    method: 'GET' | 'POST',
    path: string,
    explain: (refusal: Refusal) => DeliveryError | undefined = () => undefined,
  ): Promise<unknown> {
    const { status, text } = await this.#persist(method, new URL(`${this.#options.cloud.resourceManager}${path}`));
    if (status === 200) return this.#parse(method, path, text);
    const refusal = refusalOf(status, text);
    throw explain(refusal) ?? this.#refused(method, path, refusal);
  }

  /** All items of a list, page after page. */
  async *list(path: string): AsyncGenerator {
    for (let next: string | undefined = path; next !== undefined;) {
      const { value = [], nextLink } = (await this.ask('GET', next)) as {
        readonly value?: readonly unknown[];
        readonly nextLink?: string;
      };
      yield* value;
      next = nextLink === undefined ? undefined : this.#ownPath(nextLink);
    }
  }

  /** The path of a link to a further page. The token goes nowhere else than to Azure Resource Manager. */
  #ownPath(link: string): string {
    const root = this.#options.cloud.resourceManager;
    if (link.startsWith(`${root}/`)) return link.slice(root.length);
    throw new DeliveryError('AZURE_FAILED', {
      message: `${root} answered with a link to another host, ${new URL(link).host}.`,
      remedy: 'Check the environment of the service connection, and what stands between the agent and Azure.',
    });
  }

  async #persist(method: 'GET' | 'POST', url: URL): Promise<Attempt> {
    const { signal } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(method, url).catch((error: unknown) => ({ error }));
      signal.throwIfAborted();
      if ('error' in outcome && !isPassingError(outcome.error)) throw gaveNoAnswer(url, outcome.error);
      if ('status' in outcome && !isPassing(outcome.status)) return outcome;
      if (attempt === PATIENT.attempts) {
        throw 'error' in outcome ? gaveNoAnswer(url, outcome.error) : busy(url.host, outcome.status);
      }
      await wait(waitBefore(attempt, PATIENT, 'error' in outcome ? undefined : outcome.retryAfter), signal);
    }
  }

  async #attempt(method: 'GET' | 'POST', url: URL): Promise<Attempt> {
    const { dispatcher, signal, token } = this.#options;
    const headers = {
      authorization: `Bearer ${await token()}`,
      accept: 'application/json',
      ...(method === 'POST' ? { 'content-length': '0' } : {}),
    };
    const answer = await request(dispatcher, { method, url, headers, signal });
    const limits = { answer: LARGEST_ANSWER, refusal: LARGEST_REFUSAL };
    const text = (await readAnswer(answer, limits, url.host)).toString('utf8');
    return { status: answer.status, retryAfter: headerOf(answer, 'retry-after'), text };
  }

  #parse(method: string, path: string, text: string): unknown {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new DeliveryError('AZURE_FAILED', {
        message: `${this.#options.cloud.resourceManager} answered ${titleOf(method, path)} with something that is not JSON.`,
        remedy: 'Look for a proxy between the agent and Azure that answers with pages of its own.',
      });
    }
  }

  #refused(method: string, path: string, { status, code, message }: Refusal): DeliveryError {
    const { identity, cloud } = this.#options;
    if (status === 401) {
      return new DeliveryError('AZURE_TOKEN_REFUSED', {
        message: `${cloud.resourceManager} did not accept the token of ${identity} (${code}): ${message}`,
        remedy: 'Check that tenant, subscription and environment of the service connection belong together.',
      });
    }
    if (code === 'SubscriptionNotFound') {
      return new DeliveryError('AZURE_SUBSCRIPTION_NOT_FOUND', {
        message: `${cloud.resourceManager} shows ${identity} no such subscription: ${message}`,
        remedy: 'Check the subscription of the connection, and that the identity has a role in it.',
      });
    }
    if (status === 403) {
      return new DeliveryError('AZURE_FORBIDDEN', {
        message: `${cloud.resourceManager} does not allow this to ${identity} (${code}): ${message}`,
        remedy: 'Give it a role with this action at this scope, under Access control (IAM).',
      });
    }
    return new DeliveryError('AZURE_FAILED', {
      message: `${cloud.resourceManager} answered ${status} (${code}) to ${titleOf(method, path)}: ${message}`,
      remedy: 'Run it with System.Debug set to true to see more, and report what it says if it should work.',
    });
  }
}

/** A request, for messages: what is behind the question mark only makes them long. */
function titleOf(method: string, path: string): string {
  return `${method} ${path.replace(/\?.*/, '')}`;
}

interface Problem {
  readonly code?: string;
  readonly message?: string;
}

/**
 * Reads the body that Azure Resource Manager answers errors with, `{ "error": { "code", "message" } }`; some of those behind it
 * (AKS) leave out the outer part.
 */
function refusalOf(status: number, text: string): Refusal {
  try {
    const answer = JSON.parse(text) as Problem & { readonly error?: Problem };
    const { code = '', message = '' } = answer.error ?? answer;
    return { status, code, message };
  } catch {
    return { status, code: '', message: '' };
  }
}

/** Signing in, which is part of each attempt, has told its errors already. */
function gaveNoAnswer(url: URL, cause: unknown): DeliveryError {
  return cause instanceof DeliveryError ? cause : unreachable(url.host, cause);
}
