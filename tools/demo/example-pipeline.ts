// Runs a pipeline of the example in the local agent.
import { join } from 'node:path';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import type { Connection } from '../agent/endpoint-environment.ts';
import { runPipeline, type PipelineResult, type StepResult } from '../agent/pipeline.ts';

export const EXAMPLE = join(import.meta.dirname, '..', '..', 'examples', 'digits');
const SHOWN_LINES = 40;

/** What a pipeline is run with. */
export interface Supplies {
  readonly connections: readonly Connection[];
  readonly parameters?: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

/** A pipeline run that succeeded. */
export interface ExampleRun {
  readonly buildId: string;
  /** The commit whose files were checked out. */
  readonly commit: string;
  readonly seconds: number;
  readonly steps: readonly StepResult[];
  /** An output variable, by `step.variable`. */
  output(name: string): string;
}

/**
 * Runs a pipeline of the example, named by its file without `.yml`. Its log goes to its run folder only; where it
 * fails, the end of it is part of the {@link DeliveryError} `DEMO_PIPELINE_FAILED`.
 */
export async function runExample(name: string, supplies: Supplies): Promise<ExampleRun> {
  const lines: string[] = [];
  const run = await runPipeline({
    file: join(EXAMPLE, `${name}.yml`),
    ...supplies,
    onLine: (line) => lines.push(line),
  });
  if (run.result !== 'Succeeded') throw failed(name, run, lines);
  return {
    buildId: run.buildId,
    commit: run.sourceVersion,
    seconds: run.seconds,
    steps: run.steps,
    output: (variable) => {
      const value = run.outputs[variable];
      if (value === undefined) throw new Error(`${name}.yml has not set ${variable}.`);
      return value;
    },
  };
}

function failed(name: string, run: PipelineResult, lines: readonly string[]): DeliveryError {
  const end = lines.slice(-SHOWN_LINES).map((line) => `    ${line}`);
  return new DeliveryError('DEMO_PIPELINE_FAILED', {
    message: `The pipeline ${name}.yml ended as ${run.result}. The end of its log:\n\n${end.join('\n')}\n\n`,
    remedy: `The whole log is ${join(run.runFolder, 'log.txt')}.`,
  });
}
