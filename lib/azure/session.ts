import type { Dispatcher } from 'undici';
import { type AzureConnection, nameOf } from './connection.ts';
import { ResourceManager } from './resource-manager.ts';
import { signInOf } from './sign-in.ts';
import { type SignIn, TokenSource } from './token-source.ts';

/** What a session needs from outside. */
export interface SessionSurroundings {
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  /** Hears of each token before it is used, to keep it out of the log. */
  readonly onToken: (token: string) => void;
}

/** A service connection at work: tokens for any part of Azure, and Azure Resource Manager. */
export class AzureSession {
  readonly connection: AzureConnection;
  readonly #surroundings: SessionSurroundings;
  readonly #sources = new Map<string, TokenSource>();

  constructor(connection: AzureConnection, surroundings: SessionSurroundings) {
    this.connection = connection;
    this.#surroundings = surroundings;
  }

  /** Who it is, for messages: `the application 1f0c…`. */
  get identity(): string {
    return nameOf(this.connection.identity);
  }

  /** Tokens of one scope, such as `https://storage.azure.com/.default`. */
  tokensFor(scope: string): TokenSource {
    const source = this.#sources.get(scope) ?? new TokenSource(this.#signIn(), scope);
    this.#sources.set(scope, source);
    return source;
  }

  /** A way in of its own for each scope: what went wrong with one must not be told of another. */
  #signIn(): SignIn {
    const signIn = signInOf(this.connection, this.#surroundings);
    return async (scope, afresh) => {
      const token = await signIn(scope, afresh);
      this.#surroundings.onToken(token.token);
      return token;
    };
  }

  /** Azure Resource Manager of the connection's cloud. */
  get resources(): ResourceManager {
    const { dispatcher, signal } = this.#surroundings;
    const { cloud } = this.connection;
    const tokens = this.tokensFor(cloud.resourceManagerScope);
    return new ResourceManager({ cloud, token: () => tokens.token(), identity: this.identity, dispatcher, signal });
  }
}
