import type { Agent } from '../../lib/agent/agent.ts';
import type { CheckResult } from '../../lib/probe/result.ts';
import type { ProbeListener } from '../../lib/probe/run-probe.ts';

/** Failed cases that the log shows one by one; the Tests tab has them all. */
const SHOWN_CASES = 20;

/** In milliseconds. */
const PROGRESS_EVERY = 2_000;

/** Tells the agent's log how a test goes, and keeps its results, also those of a test that breaks off. */
export class Story implements ProbeListener {
  readonly results: CheckResult[] = [];
  readonly #agent: Agent;
  #failedCases = 0;
  #lastProgress = 0;

  constructor(agent: Agent) {
    this.#agent = agent;
  }

  readonly onResult = (result: CheckResult): void => {
    this.results.push(result);
    const { kind, name, outcome, problem } = result;
    if (kind === 'case') {
      if (outcome !== 'failed') return;
      this.#failedCases += 1;
      if (this.#failedCases === SHOWN_CASES + 1) this.say('Further failed cases stand on the Tests tab only.');
      if (this.#failedCases > SHOWN_CASES) return;
    }
    this.say(outcome === 'failed' ? `✗ ${name}: ${problem ?? ''}` : `✓ ${name}`);
  };

  readonly onProgress = (fraction: number, doing: string): void => {
    const now = performance.now();
    if (now - this.#lastProgress < PROGRESS_EVERY) return;
    this.#lastProgress = now;
    this.#agent.progress(fraction, doing);
  };

  say(text: string): void {
    this.#agent.log(text);
  }
}
