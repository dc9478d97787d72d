// Runs a pipeline file on this machine: reads it, checks all of it, and only then runs it.
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { dirname, join, resolve } from 'node:path';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { findSources, type Sources } from './checkout.ts';
import { connectionSecrets, type Connection } from './endpoint-environment.ts';
import type { StepResult } from './job.ts';
import { SecretMasker } from './masking.ts';
import type { Outcome } from './outcome.ts';
import { findTasks } from './packed-tasks.ts';
import { readPipeline } from './pipeline-file.ts';
import type { Pipeline } from './pipeline-model.ts';
import { Report } from './report.ts';
import { RunFolder } from './run-folder.ts';
import { runStages } from './run.ts';
import { runVariables } from './system-variables.ts';
import type { NodeVersion } from './task-process.ts';
import { templateFiles } from './template-files.ts';
import { Variables } from './variables.ts';

export type { StepResult } from './job.ts';

const PACKED_TASKS = join(import.meta.dirname, '..', '..', 'dist', 'tasks');

export interface PipelineOptions {
  /** Path of the YAML file. */
  readonly file: string;
  readonly connections?: readonly Connection[];
  /** Variables; they win over those of the same name in the file. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Variables whose values must never be shown. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly parameters?: Readonly<Record<string, string>>;
  /** Folder to treat as the repository; the one that the file lies in, unless given. */
  readonly source?: string;
  /** Take the files as they lie there, not as they were committed. */
  readonly workingTree?: boolean;
  /** Folders of other repositories that the pipeline takes templates from, by the names that it gives them. */
  readonly repositories?: Readonly<Record<string, string>>;
  /** The Node.js that runs the tasks; 24 unless given. */
  readonly node?: NodeVersion;
  /** Folder of the packed tasks; what `npm run build` makes, unless given. */
  readonly tasks?: string;
  readonly onLine?: (line: string) => void;
  /** Cancels the run; steps with `always()` or `canceled()` still run. */
  readonly signal?: AbortSignal;
}

export interface PipelineResult {
  readonly result: Outcome;
  readonly steps: readonly StepResult[];
  /** Output variables of all steps, by `step.variable`. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly buildId: string;
  readonly buildNumber: string;
  readonly buildTags: readonly string[];
  /** The commit that was checked out. */
  readonly sourceVersion: string;
  /** Where the log, summaries, attachments, artifacts and test results are kept. */
  readonly runFolder: string;
  readonly seconds: number;
}

/**
 * Runs a pipeline. A step that fails makes the result `Failed`; a file, input, variable or connection that is wrong
 * throws a {@link DeliveryError} before anything has run.
 */
export async function runPipeline(options: PipelineOptions): Promise<PipelineResult> {
  const started = new Date();
  const { pipeline, given, sources } = await readAndCheck(options);
  const tasks = await findTasks(pipeline, options.tasks ?? PACKED_TASKS, options.connections ?? []);
  const runFolder = await RunFolder.next();
  const log = createWriteStream(join(runFolder.path, 'log.txt'));
  const onLine = (line: string): void => {
    log.write(`${line}\n`);
    options.onLine?.(line);
  };
  const masker = maskerOf(options);
  const report = new Report(masker, onLine);
  begin(report, pipeline, runFolder);
  const system = Variables.from(runVariables({ file: options.file, number: runFolder.number, started, sources }));
  const outcome = await runStages({
    pipeline,
    system,
    given,
    steps: {
      tasks,
      connections: options.connections ?? [],
      sources,
      masker,
      node: options.node ?? '24',
      onLine: (line) => report.output(line),
    },
    report,
    runFolder,
    signal: options.signal ?? new AbortController().signal,
  });
  const result: PipelineResult = {
    ...outcome,
    outputs: namedOutputs(outcome.steps),
    buildId: given.value('Build.BuildId') ?? String(runFolder.number),
    buildNumber: outcome.buildNumber ?? system.value('Build.BuildNumber') ?? '',
    sourceVersion: sources.commit,
    runFolder: runFolder.path,
    seconds: (Date.now() - started.getTime()) / 1000,
  };
  await runFolder.write('run.json', `${JSON.stringify({ file: options.file, ...result }, null, 2)}\n`);
  await runFolder.removeWork();
  end(report, result);
  log.end();
  await once(log, 'finish');
  return result;
}

async function readAndCheck(
  options: PipelineOptions,
): Promise<{ readonly pipeline: Pipeline; readonly given: Variables; readonly sources: Sources }> {
  const text = await readFile(options.file, 'utf8').catch((cause: unknown) => {
    throw new DeliveryError('PIPELINE_UNREADABLE', {
      message: `The pipeline file ${options.file} cannot be read.`,
      remedy: 'Check its path.',
      cause,
    });
  });
  const sources = await sourcesOf(options);
  const { file, parameters = {}, variables = {}, secrets = {}, repositories = {} } = options;
  const templates = templateFiles({ ...repositories, self: sources.folder ?? dirname(file) });
  const pipeline = readPipeline({ file, text, parameters, variables, templates });
  const given = Object.entries(secrets).reduce<Variables>(
    (all, [name, value]) => all.with(name, value, { isSecret: true }),
    Variables.from(variables),
  );
  return { pipeline, given, sources };
}

async function sourcesOf({ file, source, workingTree = false }: PipelineOptions): Promise<Sources> {
  return await findSources(resolve(source ?? dirname(file)), { workingTree, exact: source !== undefined });
}

function maskerOf({ connections = [], secrets = {} }: PipelineOptions): SecretMasker {
  const masker = new SecretMasker();
  for (const secret of [...connectionSecrets(connections), ...Object.values(secrets)]) masker.add(secret);
  return masker;
}

function begin(report: Report, { file, unused }: Pipeline, runFolder: RunFolder): void {
  report.line(`Run ${runFolder.number} of ${file}`);
  if (unused.length > 0) report.line(`Understood, but without effect on this machine: ${unused.join(', ')}`);
}

function end(report: Report, { result, seconds, runFolder, steps, buildTags }: PipelineResult): void {
  report.line('');
  report.ended(result, seconds, 'Run');
  for (const { type, message } of steps.flatMap(({ issues }) => issues)) {
    report.line(`  ${type}: ${message.replaceAll('\n', ' ')}`);
  }
  if (buildTags.length > 0) report.line(`  tags: ${buildTags.join(', ')}`);
  report.line(`  log, summaries and attachments: ${runFolder}`);
}

function namedOutputs(steps: readonly StepResult[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    steps.flatMap(({ name, outputs }) =>
      name === undefined ? [] : Object.entries(outputs).map(([key, value]) => [`${name}.${key}`, value] as const),
    ),
  );
}
