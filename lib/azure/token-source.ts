import { Renewable } from '../http/renewable.ts';

/** A bearer token and when it ends, in milliseconds since 1970. */
export interface AccessToken {
  readonly token: string;
  readonly expires: number;
}

/** Asks for a token of a scope; `afresh`, for one that is not held anywhere yet. */
export type SignIn = (scope: string, afresh: boolean) => Promise<AccessToken>;

/** Gives tokens of one scope that are valid for a while. */
export class TokenSource {
  readonly #tokens: Renewable<string>;

  constructor(signIn: SignIn, scope: string, now: () => number = Date.now) {
    this.#tokens = new Renewable(async (afresh) => {
      const { token, expires } = await signIn(scope, afresh);
      return { value: token, ends: expires };
    }, now);
  }

  /**
   * A token to send now. Throws what signing in throws, unless the token at hand has not ended yet.
   *
   * @param refused a token that was not accepted, although it should have been valid
   */
  token(refused?: string): Promise<string> {
    return this.#tokens.current(refused === undefined ? undefined : (token) => token === refused);
  }
}
