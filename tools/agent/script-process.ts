// Runs a `script:` or `bash:` step.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';
import { runChild } from './child-process.ts';
import type { Outcome } from './outcome.ts';
import type { StepOutput } from './step-output.ts';
import { inheritedEnvironment } from './task-process.ts';
import { variableEnvironment, type Variables } from './variables.ts';

export interface ScriptRun {
  readonly script: string;
  /** Absolute, or within the default working folder. */
  readonly workingDirectory: string;
  readonly failOnStderr: boolean;
  readonly variables: Variables;
  /** What `env:` of the step adds; secrets reach a script only this way. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly output: StepOutput;
}

/** Runs a script in bash, as the tasks CmdLine and Bash do on Linux and macOS. */
export async function runScript(run: ScriptRun): Promise<Outcome> {
  const { variables, output, signal } = run;
  const file = join(variables.value('Agent.TempDirectory') ?? '/tmp', `${randomUUID()}.sh`);
  await writeFile(file, `${run.script}\n`);
  const cwd = resolve(variables.value('System.DefaultWorkingDirectory') ?? '.', run.workingDirectory);
  if (!existsSync(cwd)) throw new Error(`The working directory ${cwd} does not exist.`);
  let errorLines = 0;
  const exitCode = await runChild({
    command: 'bash',
    args: ['--noprofile', '--norc', file],
    cwd,
    env: { ...inheritedEnvironment(), ...variableEnvironment(variables), ...run.environment },
    onLine: (line) => output.take(line),
    onErrorLine: (line) => {
      errorLines += 1;
      output.take(line);
    },
    signal,
  });
  if (signal.aborted) return 'Canceled';
  if (exitCode !== 0) {
    output.addIssue('error', `The script ended with exit code ${exitCode}.`);
    return 'Failed';
  }
  if (run.failOnStderr && errorLines > 0) {
    output.addIssue('error', `The script wrote ${errorLines} lines to standard error, and failOnStderr is set.`);
    return 'Failed';
  }
  return output.completion ?? 'Succeeded';
}
