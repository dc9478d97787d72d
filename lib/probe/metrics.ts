import type { CaseOutcome } from './score.ts';

/** How good the answers were over all cases that say what is expected. */
export interface Metrics {
  /** The share of right answers, from 0 to 1; no answer is a wrong one. Undefined where no case expects a value. */
  readonly accuracy: number | undefined;
  /** How far numbers were from the expected ones, on average. Undefined where none is expected, or one did not come. */
  readonly meanAbsoluteError: number | undefined;
}

export function metricsOf(outcomes: readonly CaseOutcome[]): Metrics {
  const counted = outcomes.filter(({ countsForMetrics }) => countsForMetrics);
  const errors = counted.map(({ error }) => error);
  const right = counted.filter(({ isRight }) => isRight === true).length;
  const isComplete = errors.length > 0 && errors.every((error) => error !== undefined);
  return {
    accuracy: counted.length === 0 ? undefined : right / counted.length,
    meanAbsoluteError: isComplete ? errors.reduce((sum, error) => sum + error, 0) / errors.length : undefined,
  };
}
