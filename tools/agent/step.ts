// Runs one step of a job: its attempts, its time limit, and what it leaves behind.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../lib/errors/delivery-error.ts';
import { checkOut, type Sources } from './checkout.ts';
import type { Connection } from './endpoint-environment.ts';
import { expandAll, expandMacros } from './macros.ts';
import type { SecretMasker } from './masking.ts';
import type { Outcome } from './outcome.ts';
import type { ScriptStep, Step, TaskStep } from './pipeline-model.ts';
import { runScript } from './script-process.ts';
import { StepOutput } from './step-output.ts';
import { installTask, runPackedTask, type NodeVersion } from './task-process.ts';
import type { TaskDefinition } from './task-definition.ts';
import { isDebugging, type Variables } from './variables.ts';

/** What all steps of a run share. */
export interface StepSurroundings {
  readonly tasks: ReadonlyMap<string, TaskDefinition>;
  readonly connections: readonly Connection[];
  readonly sources: Sources;
  readonly masker: SecretMasker;
  readonly node: NodeVersion;
  readonly onLine: (line: string) => void;
}

export interface StepRun {
  readonly result: Outcome;
  readonly output: StepOutput;
}

const MINUTE = 60_000;

/**
 * Runs a step to its outcome, `continueOnError` included.
 *
 * @param signal cancels the step; its time limit cancels it as well, and then it has failed
 */
export async function runStep(
  step: Step,
  variables: Variables,
  signal: AbortSignal,
  surroundings: StepSurroundings,
): Promise<StepRun> {
  for (let attempt = 1; ; attempt++) {
    const run = await runOnce(step, variables, signal, surroundings);
    if (run.result !== 'Failed' || attempt > step.retries || signal.aborted) {
      const forgiven = run.result === 'Failed' && step.continueOnError;
      return forgiven ? { ...run, result: 'SucceededWithIssues' } : run;
    }
    // The real agent waits 1, 4, 9 … seconds, at most 10.
    const seconds = Math.min(10, attempt ** 2);
    surroundings.onLine(`Attempt ${attempt} of ${step.retries + 1} failed; the next one begins in ${seconds} s.`);
    await delay(seconds * 1000, undefined, { signal }).catch(() => undefined);
  }
}

async function runOnce(
  step: Step,
  variables: Variables,
  signal: AbortSignal,
  surroundings: StepSurroundings,
): Promise<StepRun> {
  const task = step.kind === 'task' ? surroundings.tasks.get(step.task) : undefined;
  const output = new StepOutput({
    masker: surroundings.masker,
    ...(task === undefined ? {} : { restrictions: task.restrictions }),
    showsDebug: isDebugging(variables),
    readOnlyVariables: variables.readOnlyNames(),
    onLine: surroundings.onLine,
  });
  const limit = new AbortController();
  const timer = step.timeoutMinutes > 0 ? setTimeout(() => limit.abort(), step.timeoutMinutes * MINUTE) : undefined;
  const stop = AbortSignal.any([signal, limit.signal]);
  try {
    const result = await perform({ step, task, variables, signal: stop, output, surroundings });
    if (!limit.signal.aborted) return { result, output };
    output.addIssue('error', `The step took longer than its ${step.timeoutMinutes} minutes.`);
    return { result: 'Failed', output };
  } catch (error) {
    output.addIssue('error', messageOf(error));
    return { result: 'Failed', output };
  } finally {
    clearTimeout(timer);
  }
}

interface Performance {
  readonly step: Step;
  readonly task: TaskDefinition | undefined;
  readonly variables: Variables;
  readonly signal: AbortSignal;
  readonly output: StepOutput;
  readonly surroundings: StepSurroundings;
}

async function perform(performance: Performance): Promise<Outcome> {
  const { step, variables, surroundings } = performance;
  switch (step.kind) {
    case 'checkout': {
      if (step.repository === 'none') return 'Succeeded';
      const target = join(variables.value('Pipeline.Workspace') ?? '', step.path);
      surroundings.onLine(await checkOut(surroundings.sources, target));
      return 'Succeeded';
    }
    case 'script':
      return await performScript(step, performance);
    case 'task':
      return await performTask(step, performance);
  }
}

async function performScript(step: ScriptStep, { variables, signal, output }: Performance): Promise<Outcome> {
  return await runScript({
    script: expandMacros(step.script, variables),
    workingDirectory: expandMacros(step.workingDirectory, variables),
    failOnStderr: step.failOnStderr,
    variables,
    environment: expandAll(step.env, variables),
    signal,
    output,
  });
}

async function performTask(
  step: TaskStep,
  { task, variables, signal, output, surroundings }: Performance,
): Promise<Outcome> {
  if (task === undefined) throw new Error(`The task ${step.task} was not looked up.`);
  const cwd = variables.value('System.DefaultWorkingDirectory') ?? '.';
  await mkdir(cwd, { recursive: true });
  const { result } = await runPackedTask({
    task: await installTask(task, join(variables.value('Agent.WorkFolder') ?? '', '_tasks')),
    inputs: expandAll(step.inputs, variables),
    connections: surroundings.connections,
    variables,
    environment: expandAll(step.env, variables),
    node: surroundings.node,
    cwd,
    signal,
    masker: surroundings.masker,
    output,
  });
  return result;
}
