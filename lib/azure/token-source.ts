/** A bearer token and when it ends, in milliseconds since 1970. */
export interface AccessToken {
  readonly token: string;
  readonly expires: number;
}

/** Asks for a token of a scope; `afresh`, for one that is not held anywhere yet. */
export type SignIn = (scope: string, afresh: boolean) => Promise<AccessToken>;

/** A token is renewed when this much of its life is left … */
const LAST_PART = 1 / 3;
/** … but not earlier than this before its end, in milliseconds. */
const LONGEST_LAST_PART = 5 * 60_000;

/**
 * Gives tokens of one scope that are valid for a while: renewed before they end, however long a transfer takes, and asked
 * for once, however many requests wait for it.
 */
export class TokenSource {
  readonly #signIn: SignIn;
  readonly #scope: string;
  readonly #now: () => number;
  #held: (AccessToken & { readonly renewal: number }) | undefined;
  #pending: Promise<AccessToken> | undefined;

  constructor(signIn: SignIn, scope: string, now: () => number = Date.now) {
    this.#signIn = signIn;
    this.#scope = scope;
    this.#now = now;
  }

  /**
   * A token to send now. Throws what signing in throws, unless the token at hand has not ended yet.
   *
   * @param refused a token that was not accepted, although it should have been valid
   */
  async token(refused?: string): Promise<string> {
    const held = this.#held?.token === refused ? undefined : this.#held;
    if (held !== undefined && this.#now() < held.renewal) return held.token;
    try {
      return (await this.#renewed(refused !== undefined)).token;
    } catch (error) {
      if (held !== undefined && this.#now() < held.expires) return held.token;
      throw error;
    }
  }

  #renewed(afresh: boolean): Promise<AccessToken> {
    this.#pending ??= this.#renew(afresh).finally(() => (this.#pending = undefined));
    return this.#pending;
  }

  async #renew(afresh: boolean): Promise<AccessToken> {
    const token = await this.#signIn(this.#scope, afresh);
    const life = token.expires - this.#now();
    this.#held = { ...token, renewal: token.expires - Math.min(life * LAST_PART, LONGEST_LAST_PART) };
    return token;
  }
}
