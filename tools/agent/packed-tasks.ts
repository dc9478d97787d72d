// Finds the packed tasks that a pipeline names, and checks its inputs against them before anything runs.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { resolveConnections, type Connection } from './endpoint-environment.ts';
import { nearest } from './nearest.ts';
import type { Pipeline, TaskStep } from './pipeline-model.ts';
import { inputValues, readTaskDefinition, type TaskDefinition } from './task-definition.ts';
import { refusal } from './yaml-tree.ts';

/**
 * The tasks of a pipeline by the names that it gives them.
 *
 * Throws `YAML_INVALID`, naming the line of the step: the task does not exist, or an input is unknown, missing or wrong, or
 * names a service connection that is not there.
 */
export async function findTasks(
  pipeline: Pipeline,
  folder: string,
  connections: readonly Connection[],
): Promise<ReadonlyMap<string, TaskDefinition>> {
  const steps = pipeline.stages.flatMap(({ jobs }) => jobs.flatMap((job) => job.steps));
  const taskSteps = steps.filter((step): step is TaskStep => step.kind === 'task');
  if (taskSteps.length === 0) return new Map();
  const packed = await readdir(folder).catch(() => []);
  const found = new Map<string, TaskDefinition>();
  for (const step of taskSteps) {
    const definition = await findTask(step, packed, folder);
    check(step, definition, connections);
    found.set(step.task, definition);
  }
  return found;
}

async function findTask(step: TaskStep, packed: readonly string[], folder: string): Promise<TaskDefinition> {
  const name = packed.find((candidate) => candidate.toLowerCase() === step.task.toLowerCase());
  if (name === undefined) {
    const guess = nearest(step.task, packed);
    throw refusal(
      step.place,
      `there is no packed task ${step.task} in ${folder}`,
      guess === undefined
        ? 'Run npm run build; the local agent knows the tasks of this project.'
        : `Did you mean ${guess}?`,
    );
  }
  const definition = await readTaskDefinition(join(folder, name));
  const [major] = definition.version.split('.');
  if (Number(major) !== step.majorVersion) {
    throw refusal(
      step.place,
      `the packed task ${name} has version ${definition.version}, not ${step.majorVersion}`,
      `Write ${name}@${major ?? ''}.`,
    );
  }
  return definition;
}

function check(step: TaskStep, definition: TaskDefinition, connections: readonly Connection[]): void {
  try {
    const values = Object.entries(inputValues(definition, step.inputs));
    // What a macro will hold is known only when the step begins.
    const known = Object.fromEntries(values.filter(([, value]) => !value.includes('$(')));
    resolveConnections(definition, known, connections);
  } catch (error) {
    if (!(error instanceof DeliveryError)) throw error;
    throw refusal(step.place, error.message.replace(/\.$/, ''), error.remedy);
  }
}
