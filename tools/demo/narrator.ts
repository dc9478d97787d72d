import { messageOf } from '../../lib/errors/delivery-error.ts';
import type { Progress } from '../services/stages.ts';

/** What a stage came to: its value for the rest of the story, and a word about it for the reader. */
export interface Told<Value> {
  readonly value: Value;
  readonly note: string;
}

const TITLE_WIDTH = 58;

/** Tells the demo's story: one line a stage, with its elapsed time and what came of it. */
export class Narrator {
  readonly #out: NodeJS.WritableStream;
  #stages = 0;
  /** Whether the stage's own line is still open, so that its end can be written behind its title. */
  #lineIsOpen = false;

  constructor(out: NodeJS.WritableStream = process.stdout) {
    this.#out = out;
  }

  say(text = ''): void {
    this.#out.write(`${text}\n`);
  }

  /** Runs a stage of the story. Set-up work within it tells its own lines below the title. */
  async stage<Value>(title: string, work: (progress: Progress) => Promise<Told<Value>>): Promise<Value> {
    this.#stages += 1;
    const started = performance.now();
    this.#out.write(`${`${this.#stages}.`.padStart(3)} ${title} `.padEnd(TITLE_WIDTH, '.'));
    this.#lineIsOpen = true;
    try {
      const { value, note } = await work({ stage: (step, steps) => this.#step(step, steps) });
      this.#end(`${elapsed(started)}  ${note}`);
      return value;
    } catch (error) {
      this.#end(`${elapsed(started)}  failed`);
      throw error;
    }
  }

  async #step<Result>(title: string, work: () => Promise<Result>): Promise<Result> {
    const started = performance.now();
    if (this.#lineIsOpen) this.#out.write('\n');
    this.#lineIsOpen = false;
    try {
      const result = await work();
      this.#out.write(`      ${title} `.padEnd(TITLE_WIDTH, ' ') + `${elapsed(started)}\n`);
      return result;
    } catch (error) {
      this.#out.write(`      ${title}: ${messageOf(error)}\n`);
      throw error;
    }
  }

  #end(text: string): void {
    this.#out.write(this.#lineIsOpen ? ` ${text}\n` : `${' '.repeat(TITLE_WIDTH)} ${text}\n`);
    this.#lineIsOpen = false;
  }
}

function elapsed(started: number): string {
  return `${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s`;
}
