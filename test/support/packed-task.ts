// Tests of a task run what we ship: the packed file from dist, as a process of its own, with the agent's environment.
import assert from 'node:assert/strict';
import type { TaskProcessResult } from '../../tools/agent/task-process.ts';

export {
  runTaskProcess,
  type Connection,
  type NodeVersion,
  type TaskProcessOptions,
  type TaskProcessResult,
} from '../../tools/agent/task-process.ts';

/** A run that must have succeeded; where it has not, its log is shown. */
export function succeeded(run: TaskProcessResult): TaskProcessResult {
  assert.equal(run.result, 'Succeeded', run.log);
  return run;
}

/** The one error of a run that must have failed. */
export function errorOf({ result, issues, log }: TaskProcessResult): string {
  assert.equal(result, 'Failed', log);
  const errors = issues.filter(({ type }) => type === 'error');
  assert.equal(errors.length, 1, log);
  return errors[0]?.message ?? '';
}

/** A run that must have failed with one error, of this code, which names what is wrong. */
export function failed(run: TaskProcessResult, code: string, names: RegExp): TaskProcessResult {
  const error = errorOf(run);
  assert.match(error, new RegExp(`^${code}: `));
  assert.match(error, names);
  return run;
}
