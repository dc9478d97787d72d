import assert from 'node:assert/strict';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a client that never stops has seen. */
export interface Seen {
  /** How often each answer came, by its text. */
  readonly answers: ReadonlyMap<string, number>;
  /** Requests that got no answer, or another status than 200, and when. */
  readonly failures: readonly string[];
}

const AT_ONCE = 4;
const PAUSE = 15;
/** A request that is not answered in time has failed as well: milliseconds. */
const LIMIT = 5_000;

/**
 * Real traffic: several clients that ask for a page all the time, each request on a connection of its own, as strangers
 * do. Begins at once.
 */
export class Traffic {
  readonly #url: string;
  readonly #answers = new Map<string, number>();
  readonly #failures: string[] = [];
  readonly #clients: readonly Promise<void>[];
  #isOver = false;

  constructor(url: string) {
    this.#url = url;
    this.#clients = Array.from({ length: AT_ONCE }, () => this.#ask());
  }

  /** What was seen so far. */
  seen(): Seen {
    return { answers: new Map(this.#answers), failures: [...this.#failures] };
  }

  /** Forgets the answers so far, to look at one part of a story. Failures are never forgotten. */
  forget(): void {
    this.#answers.clear();
  }

  /** Begins anew, once the service is there: the node's network rules follow a moment after the cluster's objects. */
  beginAnew(): void {
    this.#answers.clear();
    this.#failures.length = 0;
  }

  async stop(): Promise<Seen> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    return this.seen();
  }

  async #ask(): Promise<void> {
    while (!this.#isOver) {
      try {
        const answer = await fetchOnce(this.#url);
        this.#answers.set(answer, (this.#answers.get(answer) ?? 0) + 1);
      } catch (error) {
        this.#failures.push(`${new Date().toISOString()} ${String(error)}`);
      }
      await sleep(PAUSE);
    }
  }
}

function fetchOnce(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: LIMIT, headers: { connection: 'close' } }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text.trim());
        else reject(new Error(`status ${response.statusCode}`));
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${LIMIT} ms`)));
    request.on('error', reject);
  });
}

/**
 * What clients see that ask all the time while something is done; they must never fail.
 *
 * @param answer what all of them get when it begins
 */
export async function underTraffic(
  url: string,
  answer: string,
  act: (traffic: Traffic) => Promise<void>,
): Promise<Seen> {
  const traffic = new Traffic(url);
  try {
    await untilOnly(traffic, answer);
    traffic.beginAnew();
    await act(traffic);
  } finally {
    await traffic.stop();
  }
  const seen = traffic.seen();
  assert.deepEqual(seen.failures, [], `of ${[...seen.answers.values()].reduce((sum, count) => sum + count, 0)}`);
  return seen;
}

/** The node's network rules follow the cluster's objects after a moment. */
async function until(holds: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 30_000;
  while (!holds()) {
    if (Date.now() > end) assert.fail(what);
    await sleep(50);
  }
}

/** Waits until an answer has come often enough to be no accident. */
export async function untilSeen(traffic: Traffic, answer: string): Promise<void> {
  await until(() => (traffic.seen().answers.get(answer) ?? 0) > 10, `${answer} was never answered`);
}

/** Waits until all of many requests in a row get the same answer. */
export async function untilOnly(traffic: Traffic, answer: string): Promise<void> {
  const isOnly = (): boolean => {
    const { answers } = traffic.seen();
    if (answers.size > 1) traffic.forget();
    return answers.size === 1 && (answers.get(answer) ?? 0) > 40;
  };
  traffic.forget();
  await until(isOnly, `not every answer became ${answer}`);
}
