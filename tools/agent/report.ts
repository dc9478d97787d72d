// How a run looks: headers, durations, results. Every line that anybody sees goes through here.
import type { SecretMasker } from './masking.ts';
import type { Outcome } from './outcome.ts';

const SIGNS: Readonly<Record<Outcome, string>> = {
  Succeeded: '✔',
  SucceededWithIssues: '!',
  Failed: '✘',
  Canceled: '■',
  Skipped: '·',
};
const WIDTH = 80;

/** Writes the lines of a run, with secrets hidden. */
export class Report {
  readonly #masker: SecretMasker;
  readonly #onLine: (line: string) => void;

  constructor(masker: SecretMasker, onLine: (line: string) => void) {
    this.#masker = masker;
    this.#onLine = onLine;
  }

  line(text: string): void {
    this.#onLine(this.#masker.mask(text));
  }

  /** Begins a stage or a job. */
  part(title: string): void {
    this.line(`\n━━ ${title} ${'━'.repeat(Math.max(2, WIDTH - title.length - 4))}`);
  }

  step(title: string): void {
    this.line(`\n── ${title} ${'─'.repeat(Math.max(2, WIDTH - title.length - 4))}`);
  }

  /** One line of a step's own output. */
  output(text: string): void {
    this.line(`   ${text}`);
  }

  ended(outcome: Outcome, seconds: number, what = ''): void {
    this.line(`${SIGNS[outcome]} ${`${what} ${outcome}`.trim()}, ${seconds.toFixed(1)} s`);
  }

  skipped(title: string, why: string): void {
    this.line(`\n${SIGNS.Skipped} ${title}: skipped, ${why}`);
  }
}
