// Runs a pipeline's stages and jobs, one after the other, each with what the earlier ones gave.
import { join } from 'node:path';
import { holds, type ExpressionValue } from './expression.ts';
import { textOf } from './expression-functions.ts';
import { expandMacros } from './macros.ts';
import { runJob, type JobRun, type StepResult } from './job.ts';
import { worstOf, type Outcome } from './outcome.ts';
import type { Job, Pipeline, Stage, VariableDefinition } from './pipeline-model.ts';
import type { Report } from './report.ts';
import type { RunFolder } from './run-folder.ts';
import { dependencyStatus } from './status.ts';
import type { StepSurroundings } from './step.ts';
import { jobVariables, type JobPlace } from './system-variables.ts';
import type { Variables } from './variables.ts';

export interface RunSurroundings {
  readonly pipeline: Pipeline;
  /** System variables of the run. */
  readonly system: Variables;
  /** Variables from outside, secrets among them; they win over those of the file. */
  readonly given: Variables;
  readonly steps: StepSurroundings;
  readonly report: Report;
  readonly runFolder: RunFolder;
  readonly signal: AbortSignal;
}

export interface RunOutcome {
  readonly result: Outcome;
  readonly steps: readonly StepResult[];
  readonly buildTags: readonly string[];
  readonly buildNumber: string | undefined;
}

/** Runs a whole pipeline that was read and checked. */
export async function runStages(surroundings: RunSurroundings): Promise<RunOutcome> {
  const run = new RunningPipeline(surroundings);
  for (const stage of surroundings.pipeline.stages) await run.stage(stage);
  return run.end();
}

type Outputs = Readonly<Record<string, string>>;

/** A run under way: results and output variables of stages and jobs so far. */
class RunningPipeline {
  readonly #surroundings: RunSurroundings;
  readonly #stageResults = new Map<string, Outcome>();
  /** Results and outputs of jobs, by stage. */
  readonly #jobs = new Map<string, Map<string, { readonly result: Outcome; readonly outputs: Outputs }>>();
  readonly #steps: StepResult[] = [];
  readonly #buildTags: string[] = [];
  #buildNumber: string | undefined;

  constructor(surroundings: RunSurroundings) {
    this.#surroundings = surroundings;
  }

  async stage(stage: Stage): Promise<void> {
    const { report, signal, pipeline } = this.#surroundings;
    const status = dependencyStatus(stage, pipeline.stages, this.#stageResults, signal.aborted);
    const variables = this.#variablesOf([pipeline.variables, stage.variables], {});
    this.#jobs.set(stage.name, new Map());
    const values = { dependencies: this.#stageDependencies(), variables: plain(variables) };
    const isNamed = stage.name !== '__default';
    if (!holds(stage.condition, { values, status })) {
      report.skipped(`Stage ${stage.displayName}`, `its condition ${stage.condition.text.trim()} does not hold`);
      this.#stageResults.set(stage.name, 'Skipped');
      return;
    }
    if (isNamed) report.part(`Stage ${expandMacros(stage.displayName, variables)}`);
    const results = new Map<string, Outcome>();
    for (const job of stage.jobs) results.set(job.name, await this.#job(job, stage, results));
    const outcomes = [...results.values()];
    const isSkipped = outcomes.every((outcome) => outcome === 'Skipped');
    this.#stageResults.set(stage.name, isSkipped ? 'Skipped' : worstOf(outcomes));
  }

  end(): RunOutcome {
    const worst = worstOf([...this.#stageResults.values()]);
    return {
      result: this.#surroundings.signal.aborted ? 'Canceled' : worst,
      steps: this.#steps,
      buildTags: this.#buildTags,
      buildNumber: this.#buildNumber,
    };
  }

  async #job(job: Job, stage: Stage, results: ReadonlyMap<string, Outcome>): Promise<Outcome> {
    const { report, signal, pipeline, runFolder, steps } = this.#surroundings;
    const place = this.#placeOf(job, stage);
    const values = this.#valuesFor(stage);
    const variables = this.#variablesOf([pipeline.variables, stage.variables, job.variables], values, place);
    const status = dependencyStatus(job, stage.jobs, results, signal.aborted);
    const isOnly = stage.name === '__default' && stage.jobs.length === 1;
    if (!holds(job.condition, { values: { ...values, variables: plain(variables) }, status })) {
      report.skipped(`Job ${job.displayName}`, `its condition ${job.condition.text.trim()} does not hold`);
      this.#remember(stage, job, { result: 'Skipped', outputs: {} });
      return 'Skipped';
    }
    if (!isOnly || job.environment !== undefined) {
      const where = job.environment === undefined ? '' : ` → environment ${job.environment}`;
      report.part(`Job ${expandMacros(job.displayName, variables)}${where}`);
    }
    const run = await runJob({ job, place, variables, values, steps, report, runFolder, signal });
    this.#takeUp(run);
    const result = run.result === 'Failed' && job.continueOnError ? 'SucceededWithIssues' : run.result;
    this.#remember(stage, job, { result, outputs: job.environment === undefined ? run.outputs : deployed(job, run) });
    return result;
  }

  #takeUp({ steps, buildTags, buildNumber }: JobRun): void {
    this.#steps.push(...steps);
    this.#buildTags.push(...buildTags);
    this.#buildNumber = buildNumber ?? this.#buildNumber;
  }

  #remember(stage: Stage, job: Job, ended: { readonly result: Outcome; readonly outputs: Outputs }): void {
    this.#jobs.get(stage.name)?.set(job.name, ended);
  }

  #placeOf(job: Job, stage: Stage): JobPlace {
    const checkout = job.steps.find((step) => step.kind === 'checkout');
    return {
      workspace: join(this.#surroundings.runFolder.path, 'work', `${stage.name}.${job.name}`),
      sourcesPath: checkout?.path ?? 's',
      stage: stage.name,
      job: job.name,
      displayName: job.displayName,
      environment: job.environment,
    };
  }

  /** What the expressions of a job see of the jobs before it. */
  #valuesFor(stage: Stage): Readonly<Record<string, ExpressionValue>> {
    const own = this.#jobs.get(stage.name) ?? new Map();
    const stages = [...this.#jobs].map(([name, jobs]) => [name, Object.fromEntries(jobs)] as const);
    return {
      dependencies: Object.fromEntries(own) as ExpressionValue,
      stageDependencies: Object.fromEntries(stages),
    };
  }

  /** What the condition of a stage sees of the stages before it: `outputs['Job.step.variable']`. */
  #stageDependencies(): ExpressionValue {
    return Object.fromEntries(
      [...this.#stageResults].map(([name, result]) => {
        const outputs = [...(this.#jobs.get(name) ?? [])].flatMap(([job, ended]) =>
          Object.entries(ended.outputs).map(([key, value]) => [`${job}.${key}`, value] as const),
        );
        return [name, { result, outputs: Object.fromEntries(outputs) }];
      }),
    );
  }

  /** The variables of a job or stage: the inner ones win over the outer, those from outside over all. */
  #variablesOf(
    definitions: readonly (readonly VariableDefinition[])[],
    values: Readonly<Record<string, ExpressionValue>>,
    place?: JobPlace,
  ): Variables {
    const { system, given, steps } = this.#surroundings;
    const number = this.#buildNumber === undefined ? system : system.with('Build.BuildNumber', this.#buildNumber);
    const base = place === undefined ? number : number.withAll(jobVariables(place));
    const defined = definitions.flat().reduce<Variables>((variables, { name, value, isReadOnly }) => {
      const text =
        typeof value === 'string'
          ? value
          : textOf(value.evaluate({ values: { ...values, variables: plain(variables) } }));
      // An output variable that was secret in its own job is secret here too.
      const isSecret = typeof value !== 'string' && text !== '' && steps.masker.mask(text) === '***';
      return variables.with(name, text, { isReadOnly, isSecret });
    }, base);
    return given
      .all()
      .reduce<Variables>((variables, { name, value, isSecret }) => variables.with(name, value, { isSecret }), defined);
  }
}

function plain(variables: Variables): Readonly<Record<string, string>> {
  return Object.fromEntries(variables.all().map(({ name, value }) => [name, value]));
}

/** Outputs of a deployment job have its name in front: `outputs['Deploy.step.variable']`. */
function deployed(job: Job, run: JobRun): Outputs {
  return Object.fromEntries(Object.entries(run.outputs).map(([key, value]) => [`${job.name}.${key}`, value]));
}
