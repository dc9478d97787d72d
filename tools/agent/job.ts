// Runs the steps of one job in a workspace of its own, as on a fresh agent.
import { mkdir, rm } from 'node:fs/promises';
import { holds, type ExpressionContext, type ExpressionValue } from './expression.ts';
import { expandMacros } from './macros.ts';
import { worstOf, type Outcome } from './outcome.ts';
import type { Job, Step } from './pipeline-model.ts';
import type { Report } from './report.ts';
import type { RunFolder } from './run-folder.ts';
import { stepStatus } from './status.ts';
import type { Issue, StepOutput } from './step-output.ts';
import { runStep, type StepSurroundings } from './step.ts';
import { jobFolders, type JobPlace } from './system-variables.ts';
import type { Variables } from './variables.ts';

/** What is known of a step when it has ended. */
export interface StepResult {
  readonly stage: string;
  readonly job: string;
  /** Undefined for a step that the file gives no name. */
  readonly name: string | undefined;
  readonly displayName: string;
  readonly result: Outcome;
  readonly seconds: number;
  /** Variables that the step has set; secret ones as `***`. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly issues: readonly Issue[];
}

export interface JobRun {
  readonly result: Outcome;
  readonly steps: readonly StepResult[];
  /** Output variables by `step.variable`, for the jobs after this one. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly buildTags: readonly string[];
  readonly buildNumber: string | undefined;
}

export interface JobSurroundings {
  readonly job: Job;
  readonly place: JobPlace;
  readonly variables: Variables;
  /** Top-level names of expressions besides `variables`. */
  readonly values: Readonly<Record<string, ExpressionValue>>;
  readonly steps: StepSurroundings;
  readonly report: Report;
  readonly runFolder: RunFolder;
  readonly signal: AbortSignal;
}

const MINUTE = 60_000;

/** Runs a job to its outcome. Its workspace is gone afterwards, as a hosted agent's is. */
export async function runJob(surroundings: JobSurroundings): Promise<JobRun> {
  const { job, place, signal, report } = surroundings;
  const limit = new AbortController();
  const timer = job.timeoutMinutes > 0 ? setTimeout(() => limit.abort(), job.timeoutMinutes * MINUTE) : undefined;
  const run = new RunningJob({ ...surroundings, signal: AbortSignal.any([signal, limit.signal]) });
  await Promise.all(jobFolders(place).map((folder) => mkdir(folder, { recursive: true })));
  try {
    for (const step of job.steps) await run.step(step);
  } finally {
    clearTimeout(timer);
    await rm(place.workspace, { recursive: true, force: true });
  }
  if (limit.signal.aborted) report.line(`✘ The job took longer than its ${job.timeoutMinutes} minutes.`);
  return run.end();
}

/** A job under way: what its steps have set and come to so far. */
class RunningJob {
  readonly #surroundings: JobSurroundings;
  readonly #steps: StepResult[] = [];
  readonly #outputs = new Map<string, string>();
  readonly #buildTags: string[] = [];
  #buildNumber: string | undefined;
  #variables: Variables;
  #status: Outcome = 'Succeeded';

  constructor(surroundings: JobSurroundings) {
    this.#surroundings = surroundings;
    this.#variables = surroundings.variables;
  }

  async step(step: Step): Promise<void> {
    const { report, signal, steps } = this.#surroundings;
    this.#variables = this.#variables.with('Agent.JobStatus', signal.aborted ? 'Canceled' : this.#status);
    const title = expandMacros(step.displayName, this.#variables);
    if (!step.isEnabled || !holds(step.condition, this.#context(signal.aborted))) {
      const why = step.isEnabled ? `its condition ${step.condition.text.trim()} does not hold` : 'it is not enabled';
      report.skipped(title, why);
      this.#note(step, title, 'Skipped', 0);
      return;
    }
    report.step(title);
    const started = performance.now();
    const { result, output } = await runStep(step, this.#variables, this.#signalFor(step), steps);
    await this.#takeUp(step, output);
    const seconds = (performance.now() - started) / 1000;
    report.ended(result, seconds);
    this.#note(step, title, result, seconds, output);
    this.#status = worstOf([this.#status, result]);
  }

  end(): JobRun {
    return {
      result: this.#surroundings.signal.aborted ? 'Canceled' : this.#status,
      steps: this.#steps,
      outputs: Object.fromEntries(this.#outputs),
      buildTags: this.#buildTags,
      buildNumber: this.#buildNumber,
    };
  }

  /** A step that would run even after a cancellation, such as one with `always()`, is not cancelled itself. */
  #signalFor(step: Step): AbortSignal {
    return holds(step.condition, this.#context(true)) ? new AbortController().signal : this.#surroundings.signal;
  }

  #context(isCanceled: boolean): ExpressionContext {
    const variables = Object.fromEntries(this.#variables.all().map(({ name, value }) => [name, value]));
    return { values: { ...this.#surroundings.values, variables }, status: stepStatus(this.#status, isCanceled) };
  }

  async #takeUp(step: Step, output: StepOutput): Promise<void> {
    for (const { name, value, isOutput, isSecret, isReadOnly } of output.variables) {
      const fullName = isOutput && step.name !== undefined ? `${step.name}.${name}` : name;
      this.#variables = this.#variables.with(fullName, value, { isSecret, isReadOnly });
      if (isOutput && step.name !== undefined) this.#outputs.set(fullName, value);
    }
    for (const folder of output.prependedPaths) {
      const path = this.#variables.value('PATH') ?? process.env.PATH ?? '';
      this.#variables = this.#variables.with('PATH', `${folder}:${path}`);
    }
    const { place, runFolder } = this.#surroundings;
    const owner = `${place.job}.${step.name ?? this.#steps.length + 1}`;
    for (const file of output.files) await runFolder.keep(file, owner);
    this.#buildTags.push(...output.buildTags);
    if (output.buildNumber !== undefined) {
      this.#buildNumber = output.buildNumber;
      this.#variables = this.#variables.with('Build.BuildNumber', output.buildNumber);
    }
  }

  #note(step: Step, displayName: string, result: Outcome, seconds: number, output?: StepOutput): void {
    const { stage, job } = this.#surroundings.place;
    const { masker } = this.#surroundings.steps;
    const outputs = (output?.variables ?? []).map(({ name, value }) => [name, masker.mask(value)] as const);
    this.#steps.push({
      stage,
      job,
      name: step.name,
      displayName: masker.mask(displayName),
      result,
      seconds,
      outputs: Object.fromEntries(outputs),
      issues: output?.issues ?? [],
    });
  }
}
