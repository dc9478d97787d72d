import { messageOf } from '../../lib/errors/delivery-error.ts';
import type { Progress } from '../services/stages.ts';

/** What a stage came to: its value for the rest of the story, and a word about it for the reader. */
export interface Told<Value> {
  readonly value: Value;
  readonly note: string;
}

/** A step of the tutorial. */
export interface Step {
  /** As the tutorial numbers it. */
  readonly number: number;
  readonly title: string;
}

/** What steps that one piece of work took together came to, each with a time of its own. */
export interface ToldSteps<Value> {
  readonly value: Value;
  readonly told: readonly { readonly seconds: number; readonly note: string }[];
}

const TITLE_WIDTH = 58;

/** Tells the demo's story: one line a stage or step, with its time and what came of it. */
export class Narrator {
  readonly #out: NodeJS.WritableStream;
  /** Whether the stage's own line is still open, so that its end can be written behind its title. */
  #lineIsOpen = false;

  constructor(out: NodeJS.WritableStream = process.stdout) {
    this.#out = out;
  }

  say(text = ''): void {
    this.#out.write(`${text}\n`);
  }

  /** Runs a stage of the set-up. Work within it tells its own lines below the title. */
  async stage<Value>(title: string, work: (progress: Progress) => Promise<Told<Value>>): Promise<Value> {
    return this.#during('', title, async () => {
      const started = performance.now();
      const { value, note } = await work({ stage: (step, steps) => this.#step(step, steps) });
      return { value, told: [{ seconds: secondsSince(started), note }] };
    });
  }

  /** Does the work of one step of the tutorial. */
  async step<Value>({ number, title }: Step, work: () => Promise<Told<Value>>): Promise<Value> {
    return this.#during(`${number}.`, title, async () => {
      const started = performance.now();
      const { value, note } = await work();
      return { value, told: [{ seconds: secondsSince(started), note }] };
    });
  }

  /** Does the work of several steps that go in one, such as those of a pipeline. */
  async steps<Value>(steps: readonly Step[], work: () => Promise<ToldSteps<Value>>): Promise<Value> {
    const [first = { number: 0, title: '' }, ...others] = steps;
    let rest: ToldSteps<Value>['told'] = [];
    const value = await this.#during(`${first.number}.`, first.title, async () => {
      const all = await work();
      rest = all.told.slice(1);
      return all;
    });
    for (const [index, { number, title }] of others.entries()) {
      const { seconds = 0, note = '' } = rest[index] ?? {};
      this.#begin(`${number}.`, title);
      this.#end(`${readable(seconds)}  ${note}`);
    }
    return value;
  }

  async #during<Value>(mark: string, title: string, work: () => Promise<ToldSteps<Value>>): Promise<Value> {
    const started = performance.now();
    this.#begin(mark, title);
    try {
      const { value, told } = await work();
      const { seconds = secondsSince(started), note = '' } = told[0] ?? {};
      this.#end(`${readable(seconds)}  ${note}`);
      return value;
    } catch (error) {
      this.#end(`${readable(secondsSince(started))}  failed`);
      throw error;
    }
  }

  async #step<Result>(title: string, work: () => Promise<Result>): Promise<Result> {
    const started = performance.now();
    if (this.#lineIsOpen) this.#out.write('\n');
    this.#lineIsOpen = false;
    try {
      const result = await work();
      this.#out.write(`      ${title} `.padEnd(TITLE_WIDTH, ' ') + `${readable(secondsSince(started))}\n`);
      return result;
    } catch (error) {
      this.#out.write(`      ${title}: ${messageOf(error)}\n`);
      throw error;
    }
  }

  #begin(mark: string, title: string): void {
    this.#out.write(`${mark.padStart(3)} ${title} `.padEnd(TITLE_WIDTH, '.'));
    this.#lineIsOpen = true;
  }

  #end(text: string): void {
    this.#out.write(this.#lineIsOpen ? ` ${text}\n` : `${' '.repeat(TITLE_WIDTH)} ${text}\n`);
    this.#lineIsOpen = false;
  }
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1000;
}

function readable(seconds: number): string {
  return `${seconds.toFixed(1).padStart(6)} s`;
}
