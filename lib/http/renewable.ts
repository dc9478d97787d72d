/** Something that is valid until a moment, in milliseconds since 1970: a token, the keys of a session. */
export interface Ending<Value> {
  readonly value: Value;
  readonly ends: number;
}

/** It is renewed when this much of its life is left … */
const LAST_PART = 1 / 3;
/** … but not earlier than this before its end, in milliseconds. */
const LONGEST_LAST_PART = 5 * 60_000;

/**
 * Holds something that ends, such as a token, and gives it out as long as it is valid for a while: renewed before it
 * ends, however long a transfer takes, and asked for once, however many requests wait for it.
 */
export class Renewable<Value> {
  readonly #ask: (afresh: boolean) => Promise<Ending<Value>>;
  readonly #now: () => number;
  #held: (Ending<Value> & { readonly renewal: number }) | undefined;
  #pending: Promise<Value> | undefined;

  /** @param ask gives a new one; `afresh`, one that is not held anywhere yet */
  constructor(ask: (afresh: boolean) => Promise<Ending<Value>>, now: () => number = Date.now) {
    this.#ask = ask;
    this.#now = now;
  }

  /**
   * One to use now. Throws what asking throws, unless the one at hand has not ended yet.
   *
   * @param isRefused tells one that was not accepted, although it should have been valid
   */
  async current(isRefused?: (value: Value) => boolean): Promise<Value> {
    const held = this.#held !== undefined && isRefused?.(this.#held.value) === true ? undefined : this.#held;
    if (held !== undefined && this.#now() < held.renewal) return held.value;
    try {
      return await this.#renewed(isRefused !== undefined);
    } catch (error) {
      if (held !== undefined && this.#now() < held.ends) return held.value;
      throw error;
    }
  }

  /** The one at hand is of no use, whatever this machine's clock says. */
  forget(): void {
    this.#held = undefined;
  }

  #renewed(afresh: boolean): Promise<Value> {
    this.#pending ??= this.#renew(afresh).finally(() => (this.#pending = undefined));
    return this.#pending;
  }

  async #renew(afresh: boolean): Promise<Value> {
    const ending = await this.#ask(afresh);
    const life = ending.ends - this.#now();
    this.#held = { ...ending, renewal: ending.ends - Math.min(life * LAST_PART, LONGEST_LAST_PART) };
    return ending.value;
  }
}
