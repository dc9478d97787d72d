// How a step, a job, a stage or a run can end.

export type Outcome = 'Succeeded' | 'SucceededWithIssues' | 'Failed' | 'Canceled' | 'Skipped';

const BY_SEVERITY: readonly Outcome[] = ['Succeeded', 'SucceededWithIssues', 'Failed', 'Canceled'];

/** The outcome of a whole whose parts ended so; a skipped part counts for nothing. */
export function worstOf(outcomes: readonly Outcome[]): Outcome {
  return BY_SEVERITY[Math.max(0, ...outcomes.map((outcome) => BY_SEVERITY.indexOf(outcome)))] ?? 'Succeeded';
}

/** An outcome by the name that `task.complete` gives it; undefined for any other word. */
export function outcomeNamed(name: string): Outcome | undefined {
  const all: readonly Outcome[] = ['Succeeded', 'SucceededWithIssues', 'Failed', 'Canceled', 'Skipped'];
  const wanted = name.toLowerCase() === 'cancelled' ? 'canceled' : name.toLowerCase();
  return all.find((outcome) => outcome.toLowerCase() === wanted);
}
