// Reads the steps of a job.
import { conditionOf, flagOf, numberOf } from './scalars.ts';
import type { Step } from './pipeline-model.ts';
import type { Substitute, YamlValue } from './yaml-source.ts';

const COMMON = [
  ...['name', 'displayName', 'enabled', 'condition', 'continueOnError'],
  ...['timeoutInMinutes', 'retryCountOnTaskFailure', 'env'],
];
/** Steps and keywords of steps that Azure Pipelines knows and this agent does not. */
const UNSUPPORTED = [
  ...[
    'powershell',
    'pwsh',
    'publish',
    'download',
    'downloadBuild',
    'getPackage',
    'reviewApp',
    'template',
    'parameters',
    'target',
  ],
];
const KINDS = ['task', 'script', 'bash', 'checkout'] as const;
/** The real service retries no more often. */
const MOST_RETRIES = 10;

interface StepsContext {
  readonly substitute: Substitute;
  /** Whether the sources are checked out although no step says so. */
  readonly checksOut: boolean;
}

/** Reads steps; without a word about it, a job begins by checking out the sources. */
export function readSteps(value: YamlValue, { substitute, checksOut }: StepsContext): readonly Step[] {
  const steps = value.list().map((item) => readStep(item, substitute));
  const names = steps.flatMap(({ name }) => (name === undefined ? [] : [name.toLowerCase()]));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) value.refuse(`two steps have the name ${twice}`, 'Give each step a name of its own.');
  if (!checksOut || steps.some(({ kind }) => kind === 'checkout')) return steps;
  return [
    { ...bareStep(value, substitute), kind: 'checkout', displayName: 'Checkout', repository: 'self', path: 's' },
    ...steps,
  ];
}

function readStep(item: YamlValue, substitute: Substitute): Step {
  const [kind, other] = KINDS.filter((keyword) => item.keys().includes(keyword));
  if (other !== undefined && kind !== undefined)
    item.refuse(`the step is both ${kind} and ${other}`, 'Make it two steps.');
  switch (kind) {
    case 'task':
      return readTask(item, substitute);
    case 'checkout':
      return readCheckout(item, substitute);
    case 'script':
    case 'bash':
      return readScript(item, kind, substitute);
    default:
      item.fields([...KINDS, ...COMMON], UNSUPPORTED);
      return item.refuse('the step does nothing', `Begin it with one of: ${KINDS.join(', ')}.`);
  }
}

function readTask(item: YamlValue, substitute: Substitute): Step {
  const { task, inputs } = item.fields(['task', 'inputs', ...COMMON], UNSUPPORTED);
  const reference = task?.text(substitute) ?? '';
  const [, name, version] = /^([\w.-]+)@(\d+)(?:\.\d+)*$/.exec(reference) ?? [];
  if (name === undefined) return item.refuse(`"${reference}" names no task and version`, 'Write it as Name@1.');
  return {
    ...bareStep(item, substitute),
    kind: 'task',
    displayName: titleOf(item, name, substitute),
    // A name may carry the extension that it comes from: publisher.extension.Task.
    task: name.split('.').at(-1) ?? name,
    majorVersion: Number(version),
    inputs: texts(inputs, substitute),
  };
}

function readScript(item: YamlValue, kind: 'script' | 'bash', substitute: Substitute): Step {
  const fields = item.fields([kind, 'workingDirectory', 'failOnStderr', ...COMMON], UNSUPPORTED);
  return {
    ...bareStep(item, substitute),
    kind: 'script',
    displayName: titleOf(item, kind === 'bash' ? 'Bash' : 'CmdLine', substitute),
    script: fields[kind]?.text(substitute) ?? '',
    workingDirectory: fields.workingDirectory?.text(substitute) ?? '',
    failOnStderr: flagOf(fields.failOnStderr, false, substitute),
  };
}

function readCheckout(item: YamlValue, substitute: Substitute): Step {
  const unused = ['clean', 'fetchDepth', 'fetchTags', 'lfs', 'persistCredentials', 'submodules', 'fetchFilter'];
  const { checkout, path } = item.fields(['checkout', 'path', ...unused, ...COMMON], UNSUPPORTED);
  const repository = checkout?.text(substitute);
  if (repository !== 'self' && repository !== 'none') {
    return item.refuse(`checkout of "${repository ?? ''}" is not supported`, 'Use self or none.');
  }
  const title = titleOf(item, 'Checkout', substitute);
  return {
    ...bareStep(item, substitute),
    kind: 'checkout',
    displayName: title,
    repository,
    path: path?.text(substitute) ?? 's',
  };
}

/** What every step has, whatever it does. */
function bareStep(item: YamlValue, substitute: Substitute) {
  const fields = item.isList ? {} : item.fields(item.keys());
  const name = fields.name?.text(substitute);
  if (name !== undefined && !/^\w+$/.test(name)) {
    fields.name?.refuse(`"${name}" is no name of a step`, 'Use letters, digits and underscores.');
  }
  const retries = numberOf(fields.retryCountOnTaskFailure, 0, substitute);
  if (retries > MOST_RETRIES)
    fields.retryCountOnTaskFailure?.refuse('this is too often', `Use at most ${MOST_RETRIES}.`);
  return {
    place: item.place,
    name,
    isEnabled: flagOf(fields.enabled, true, substitute),
    condition: conditionOf(fields.condition, substitute),
    continueOnError: flagOf(fields.continueOnError, false, substitute),
    timeoutMinutes: numberOf(fields.timeoutInMinutes, 0, substitute),
    retries,
    env: texts(fields.env, substitute),
  };
}

function titleOf(item: YamlValue, otherwise: string, substitute: Substitute): string {
  return item.fields(item.keys()).displayName?.text(substitute) ?? otherwise;
}

function texts(value: YamlValue | undefined, substitute: Substitute): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  return Object.fromEntries(value.entries().map(([name, text]) => [name, text.text(substitute)]));
}
