import type { AnswerHeaders, DirectRead, DirectReader } from '../../http/direct-reader.ts';

/** Where the body of an answer is wanted, and who is told how it comes in. */
export type Receiver = Pick<DirectRead, 'into' | 'began' | 'reached'>;

/**
 * Who wants the body of an answer in memory that is there already. A storage SDK makes the request, and signs it, on a way of its
 * own; of what its caller gives it only the signal arrives at the end of that way, so it is by the signal that they are found.
 */
export class Receivers {
  readonly #direct: DirectReader;
  readonly #receivers = new WeakMap<AbortSignal, Receiver>();

  constructor(direct: DirectReader) {
    this.#direct = direct;
  }

  /**
   * Has the body of the answer to the request with this signal read straight into memory, if that can be: then the
   * receiver has been told of all bytes, and the answer that the SDK gives has none.
   */
  expect(signal: AbortSignal, receiver: Receiver): void {
    this.#receivers.set(signal, receiver);
  }

  /** Sends a request for its receiver. Undefined: there is none, or the answer is one that a real HTTP client must see. */
  async send(request: Pick<DirectRead, 'url' | 'headers' | 'signal'>): Promise<AnswerHeaders | undefined> {
    const receiver = this.#receivers.get(request.signal);
    return receiver === undefined ? undefined : this.#direct.read({ ...receiver, ...request });
  }
}
