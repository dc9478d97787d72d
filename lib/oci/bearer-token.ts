import { DeliveryError } from '../errors/delivery-error.ts';

/** A token and until when it may be used without a thought. */
export interface BearerToken {
  readonly text: string;
  /** In milliseconds of the clock. */
  readonly renewAt: number;
}

/** A token that does not say how long it lives lives this long, in seconds (Docker token specification). */
const SHORTEST_LIFE = 60;
/** Renewed when this much of its life is over: a token must outlive the request that it opens. */
const USED_PART = 0.8;

/**
 * Reads the answer of a token service.
 *
 * @param fields where the token may stand
 * @throws DeliveryError `REGISTRY_FAILED` where there is none
 */
export function bearerTokenIn(body: Buffer, fields: readonly string[], registry: string): BearerToken {
  const answer = parseObject(body.toString());
  const text = fields.map((field) => answer[field]).find((value) => typeof value === 'string');
  // A line end in a header would let a token service write headers of its own.
  if (typeof text !== 'string' || !/^[\x21-\x7e]+$/.test(text)) {
    throw new DeliveryError('REGISTRY_FAILED', {
      message: `The token service of the registry ${registry} gave no token.`,
      remedy: 'Check that the name of the registry is right; if it is, run again later.',
    });
  }
  const life = positive(answer.expires_in) ?? lifeOf(text) ?? SHORTEST_LIFE;
  // Lives are told in whole seconds, rounded to the registry's liking.
  return { text, renewAt: Date.now() + (life - 1) * 1000 * USED_PART };
}

/** What a JSON Web Token claims; nothing where it is none. Nobody has checked who signed it. */
export function claimsOf(token: string): Readonly<Partial<Record<string, unknown>>> {
  return parseObject(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

/** When a JSON Web Token ended; undefined where it has not, or says nothing of it. */
export function endOf(token: string): Date | undefined {
  const expires = positive(claimsOf(token).exp);
  return expires === undefined || expires * 1000 > Date.now() ? undefined : new Date(expires * 1000);
}

/** How long a JSON Web Token lives, in seconds, whatever this machine's clock says. */
function lifeOf(token: string): number | undefined {
  const { exp, iat, nbf } = claimsOf(token);
  const [from, to] = [positive(iat) ?? positive(nbf), positive(exp)];
  return from === undefined || to === undefined ? undefined : positive(to - from);
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? value : undefined;
}

function parseObject(text: string): Readonly<Partial<Record<string, unknown>>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** A token that is asked for when it is needed, once however many wait for it, and again before it ends. */
export class HeldToken {
  readonly #ask: (signal: AbortSignal) => Promise<BearerToken>;
  #held: Promise<BearerToken> | undefined;

  constructor(ask: (signal: AbortSignal) => Promise<BearerToken>) {
    this.#ask = ask;
  }

  /** @param refused one that was not accepted, although it should have been valid */
  async token(signal: AbortSignal, refused?: string): Promise<string> {
    for (;;) {
      const held = this.#held;
      const known = await held?.catch(() => undefined);
      // Somebody else has asked for a new one meanwhile.
      if (held !== this.#held) continue;
      if (known !== undefined && known.text !== refused && Date.now() < known.renewAt) return known.text;
      this.#held = this.#ask(signal);
      return (await this.#held).text;
    }
  }
}
