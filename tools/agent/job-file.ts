// Reads the jobs of a stage, deployment jobs among them.
import { nameOf, onlyPart, partOf, sorted, type Fields } from './part-file.ts';
import type { Job } from './pipeline-model.ts';
import { flagOf, numberOf } from './scalars.ts';
import { readSteps } from './step-file.ts';
import { withTemplates } from './template.ts';
import { readVariables, valuesOf } from './variables-file.ts';
import type { YamlValue } from './yaml-value.ts';

const JOB_UNUSED = ['pool', 'workspace', 'cancelTimeoutInMinutes', 'uses', 'demands'];
const JOB_FIELDS = [
  'displayName',
  'dependsOn',
  'condition',
  'continueOnError',
  'timeoutInMinutes',
  'variables',
  ...JOB_UNUSED,
];
const JOB_UNSUPPORTED = ['container', 'services', 'strategy', 'templateContext'];
/** The real service gives a job an hour. */
const JOB_TIMEOUT_MINUTES = 60;

/** Reads the jobs of a stage, or the steps that stand in for its only job. */
export function readJobs(fields: Fields, owner: YamlValue): readonly Job[] {
  const { jobs, steps } = fields;
  if (jobs !== undefined) return sorted(withTemplates(jobs, 'jobs').map(readJob), 'job');
  if (steps === undefined) return owner.refuse('there are no jobs', 'Add jobs.');
  const only = onlyPart(owner.place, 'Job', 'succeeded()');
  return [{ ...only, ...LOCAL_JOB, steps: readSteps(steps, { checksOut: true }) }];
}

const LOCAL_JOB = { continueOnError: false, timeoutMinutes: JOB_TIMEOUT_MINUTES, environment: undefined };

function readJob(item: YamlValue): Job {
  const isDeployment = item.keys().includes('deployment');
  const fields = isDeployment
    ? item.fields(['deployment', 'environment', 'strategy', ...JOB_FIELDS], JOB_UNSUPPORTED)
    : item.fields(['job', 'steps', ...JOB_FIELDS], JOB_UNSUPPORTED);
  const own = readVariables(fields.variables);
  const steps = isDeployment ? deploymentSteps(item, fields) : fields.steps;
  if (steps === undefined) item.refuse('the job has no steps', 'Add steps.');
  return {
    ...partOf({
      item,
      name: nameOf(fields[isDeployment ? 'deployment' : 'job'], item, isDeployment ? 'deployment' : 'job'),
      fields,
      variables: own,
    }),
    continueOnError: flagOf(fields.continueOnError, false),
    timeoutMinutes: numberOf(fields.timeoutInMinutes, JOB_TIMEOUT_MINUTES),
    environment: isDeployment ? environmentOf(fields.environment, item) : undefined,
    // A deployment job does not check out by itself.
    steps: readSteps(steps.knowing(valuesOf(own)), { checksOut: !isDeployment }),
  };
}

function deploymentSteps(item: YamlValue, fields: Fields): YamlValue | undefined {
  const strategy =
    fields.strategy ?? item.refuse('the deployment has no strategy', 'Add strategy: runOnce: deploy: steps.');
  const once = strategy.fields(['runOnce'], ['rolling', 'canary']).runOnce;
  const deploy = once?.fields(['deploy'], ['preDeploy', 'routeTraffic', 'postRouteTraffic', 'on']).deploy;
  return deploy?.fields(['steps', 'pool']).steps;
}

function environmentOf(value: YamlValue | undefined, item: YamlValue): string {
  if (value === undefined) return item.refuse('the deployment has no environment', 'Name one.');
  if (value.isText) return value.text();
  const { name } = value.fields(['name', 'resourceName', 'resourceId', 'resourceType', 'tags']);
  return name?.text() ?? value.refuse('the environment has no name', 'Give it one.');
}
