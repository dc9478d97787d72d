// Runs one packed task in a process of its own, the way the agent does.
import { cp, mkdtemp, mkdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { DeliveryError, messageOf } from '../../lib/errors/delivery-error.ts';
import { runChild } from './child-process.ts';
import { connectionSecrets, resolveConnections, type Connection } from './endpoint-environment.ts';
import { SecretMasker } from './masking.ts';
import type { Outcome } from './outcome.ts';
import { StepOutput, type Issue, type SetVariable } from './step-output.ts';
import { inputValues, readTaskDefinition, type TaskDefinition } from './task-definition.ts';
import { environmentName, isDebugging, secretEnvironment, variableEnvironment, Variables } from './variables.ts';

export type { Connection } from './endpoint-environment.ts';
export type { Issue } from './step-output.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const TASKS = join(ROOT, 'dist', 'tasks');

export type NodeVersion = '24' | '20';

export interface TaskProcessOptions {
  /** Name of a task in dist/tasks, or the absolute path of a folder with a packed task. */
  readonly task: string;
  /** As in YAML: by name or alias; connections by their names. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly connections?: readonly Connection[];
  /** Variables of the pipeline; `{ value, secret: true }` for a secret one. */
  readonly variables?: Readonly<Record<string, string | { readonly value: string; readonly secret: true }>>;
  /** The Node.js that runs the task; 24 unless told otherwise. */
  readonly node?: NodeVersion;
  /** Cancels the task as the agent does. */
  readonly signal?: AbortSignal;
  /** Gets each line of the log as the agent would show it. */
  readonly onLine?: (line: string) => void;
  /** Working folder of the task; a fresh one, removed afterwards, unless given. */
  readonly cwd?: string;
  /** A program with its arguments that runs the task's Node.js, such as one that measures it. */
  readonly wrapper?: readonly string[];
}

export interface Attachment {
  readonly type: string;
  readonly name: string;
  readonly content: string;
}

export interface TaskProcessResult {
  readonly result: Outcome;
  /** Variables that the task has set, output variables among them. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly issues: readonly Issue[];
  /** Everything that the agent would show, secrets hidden. */
  readonly log: string;
  /** Markdown that the task has put on the summary tab. */
  readonly summary?: string;
  readonly attachments: readonly Attachment[];
  /** Files of test results that the task has published. */
  readonly testResults: readonly Attachment[];
  readonly exitCode: number;
}

/**
 * Runs a packed task and tells what the agent would know about it. Inputs that task.json does not allow give the result
 * `Failed` with one error, without starting the task.
 */
export async function runTaskProcess(options: TaskProcessOptions): Promise<TaskProcessResult> {
  const lines: string[] = [];
  const masker = new SecretMasker();
  const onLine = (line: string): void => {
    lines.push(line);
    options.onLine?.(line);
  };
  const work = await mkdtemp(join(tmpdir(), 'agent-'));
  try {
    const task = await readTaskDefinition(taskFolder(options.task));
    const variables = await standardVariables(work, options.variables ?? {});
    const showsDebug = isDebugging(variables);
    const output = new StepOutput({ masker, restrictions: task.restrictions, showsDebug, onLine });
    const { result, exitCode } = await runPackedTask({
      task: await installTask(task, join(work, '_tasks')),
      inputs: options.inputs,
      connections: options.connections ?? [],
      variables,
      environment: {},
      node: options.node ?? '24',
      cwd: options.cwd ?? join(work, 's'),
      signal: options.signal,
      wrapper: options.wrapper ?? [],
      masker,
      output,
    });
    return { result, ...(await harvest(output)), log: lines.join('\n'), exitCode };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

export interface PackedTaskRun {
  readonly task: TaskDefinition;
  readonly inputs: Readonly<Record<string, string>>;
  readonly connections: readonly Connection[];
  readonly variables: Variables;
  /** What `env:` of the step adds. */
  readonly environment: Readonly<Record<string, string>>;
  readonly node: NodeVersion;
  readonly cwd: string;
  readonly signal: AbortSignal | undefined;
  /** See {@link TaskProcessOptions}. */
  readonly wrapper?: readonly string[];
  readonly masker: SecretMasker;
  readonly output: StepOutput;
}

/** Runs a packed task whose surroundings exist already; what it says goes to `output`. */
export async function runPackedTask(
  run: PackedTaskRun,
): Promise<{ readonly result: Outcome; readonly exitCode: number }> {
  const { task, variables, masker, output, signal, wrapper = [] } = run;
  for (const { isSecret, value } of variables.all()) if (isSecret) masker.add(value);
  connectionSecrets(run.connections).forEach((secret) => masker.add(secret));
  try {
    const { values, environment } = resolveConnections(task, inputValues(task, run.inputs), run.connections);
    const [command, ...args] = [...wrapper, nodeProgram(run.node), join(task.folder, handlerFile(task, run.node))];
    const exitCode = await runChild({
      command,
      args,
      cwd: run.cwd,
      env: {
        ...inheritedEnvironment(),
        ...variableEnvironment(variables),
        ...secretEnvironment(variables),
        ...environment,
        ...Object.fromEntries(Object.entries(values).map(([name, value]) => [`INPUT_${inputName(name)}`, value])),
        ...run.environment,
      },
      onLine: (line) => output.take(line),
      signal,
    });
    if (signal?.aborted === true) return { result: 'Canceled', exitCode };
    // A task that was killed, or that crashed, says nothing itself.
    if (exitCode !== 0 && output.completion === undefined) {
      output.addIssue('error', `The task ended with exit code ${exitCode}, and said nothing of its result.`);
    }
    return { result: exitCode === 0 ? (output.completion ?? 'Succeeded') : 'Failed', exitCode };
  } catch (error) {
    if (!(error instanceof DeliveryError)) throw error;
    output.addIssue('error', `${error.code}: ${messageOf(error)} ${error.remedy}`);
    return { result: 'Failed', exitCode: 1 };
  }
}

/**
 * Puts a task where the agent keeps it, so that nothing around the project's folder, such as its package.json, bears
 * on how the task runs.
 */
export async function installTask(task: TaskDefinition, tasksFolder: string): Promise<TaskDefinition> {
  const folder = join(tasksFolder, `${task.name}_${task.id}`, task.version);
  await cp(task.folder, folder, { recursive: true });
  return { ...task, folder };
}

/** The agent's own environment, without what it hands to tasks on purpose. */
export function inheritedEnvironment(): Readonly<Record<string, string>> {
  const entries = Object.entries(process.env).filter(
    ([name]) => !/^(INPUT|ENDPOINT|SECRET)_|^NODE_V8_COVERAGE$/.test(name),
  );
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']));
}

function inputName(name: string): string {
  return environmentName(name);
}

function taskFolder(task: string): string {
  return isAbsolute(task) ? task : join(TASKS, task);
}

function nodeProgram(version: NodeVersion): string {
  return join(ROOT, 'node_modules', version === '24' ? 'node' : 'node20', 'bin', 'node');
}

/** The best handler that this Node.js can run, as the agent chooses. */
function handlerFile(task: TaskDefinition, node: NodeVersion): string {
  const wanted = node === '24' ? ['Node24', 'Node20_1'] : ['Node20_1'];
  const name = wanted.find((handler) => task.handlers[handler] !== undefined);
  const file = name === undefined ? undefined : task.handlers[name];
  if (file === undefined) {
    throw new DeliveryError('HANDLER_MISSING', {
      message: `${task.name} has no handler for Node ${node}; it has: ${Object.keys(task.handlers).join(', ') || 'none'}.`,
      remedy: `Add ${wanted.join(' or ')} to the execution part of its task.json.`,
    });
  }
  return file;
}

async function standardVariables(
  work: string,
  given: Readonly<Record<string, string | { readonly value: string; readonly secret: true }>>,
): Promise<Variables> {
  const folders = { sources: join(work, 's'), staging: join(work, 'a'), temp: join(work, '_temp') };
  await Promise.all(Object.values(folders).map((folder) => mkdir(folder, { recursive: true })));
  const standard = Variables.from({
    'Agent.TempDirectory': folders.temp,
    'Agent.WorkFolder': work,
    'Build.ArtifactStagingDirectory': folders.staging,
    'Build.SourcesDirectory': folders.sources,
    'System.DefaultWorkingDirectory': folders.sources,
  });
  return Object.entries(given).reduce<Variables>(
    (all, [name, value]) =>
      typeof value === 'string' ? all.with(name, value) : all.with(name, value.value, { isSecret: true }),
    standard,
  );
}

async function harvest(output: StepOutput): Promise<Omit<TaskProcessResult, 'result' | 'log' | 'exitCode'>> {
  const read = async (kind: string): Promise<readonly Attachment[]> =>
    await Promise.all(
      output.files
        .filter((file) => file.kind === kind)
        .map(async ({ type, name, path }) => ({ type, name, content: await readFile(path, 'utf8') })),
    );
  const summaries = await read('summary');
  return {
    outputs: outputsOf(output.variables),
    issues: output.issues,
    ...(summaries.length === 0 ? {} : { summary: summaries.map(({ content }) => content).join('\n') }),
    attachments: await read('attachment'),
    testResults: await read('testResults'),
  };
}

function outputsOf(variables: readonly SetVariable[]): Readonly<Record<string, string>> {
  return Object.fromEntries(variables.map(({ name, value }) => [name, value]));
}
