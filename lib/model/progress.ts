/** Whom a transfer tells how it gets on. */
export interface Reporter {
  /** Bytes done of all; never less than before, but for a transfer that begins anew. */
  progress(done: number, total: number): void;
  /** One line that a reader of the log should see. */
  note(line: string): void;
}

/** Adds up what parallel transfers move. */
export class ProgressSum {
  readonly #total: number;
  readonly #reporter: Reporter;
  #done = 0;

  constructor(total: number, reporter: Reporter) {
    this.#total = total;
    this.#reporter = reporter;
  }

  add(bytes: number): void {
    this.#done += bytes;
    this.#reporter.progress(this.#done, this.#total);
  }
}
