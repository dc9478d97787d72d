// Reads the steps of a job.
import { conditionOf, flagOf, numberOf } from './scalars.ts';
import type { Step } from './pipeline-model.ts';
import { withTemplates } from './template.ts';
import type { YamlValue } from './yaml-value.ts';

const COMMON = [
  ...['name', 'displayName', 'enabled', 'condition', 'continueOnError'],
  ...['timeoutInMinutes', 'retryCountOnTaskFailure', 'env'],
];
/** Steps and keywords of steps that Azure Pipelines knows and this agent does not. */
const UNSUPPORTED = [
  ...['powershell', 'pwsh', 'publish', 'download', 'downloadBuild', 'getPackage', 'reviewApp', 'target'],
];
const KINDS = ['task', 'script', 'bash', 'checkout'] as const;
/** The real service retries no more often. */
const MOST_RETRIES = 10;

/**
 * Reads the steps of a job.
 *
 * @param checksOut whether the sources are checked out although no step says so
 */
export function readSteps(value: YamlValue, { checksOut }: { readonly checksOut: boolean }): readonly Step[] {
  const steps = withTemplates(value, 'steps').map(readStep);
  const names = steps.flatMap(({ name }) => (name === undefined ? [] : [name.toLowerCase()]));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) value.refuse(`two steps have the name ${twice}`, 'Give each step a name of its own.');
  if (!checksOut || steps.some(({ kind }) => kind === 'checkout')) return steps;
  return [{ ...bareStep(value), kind: 'checkout', displayName: 'Checkout', repository: 'self', path: 's' }, ...steps];
}

function readStep(item: YamlValue): Step {
  const [kind, other] = KINDS.filter((keyword) => item.keys().includes(keyword));
  if (other !== undefined && kind !== undefined)
    item.refuse(`the step is both ${kind} and ${other}`, 'Make it two steps.');
  switch (kind) {
    case 'task':
      return readTask(item);
    case 'checkout':
      return readCheckout(item);
    case 'script':
    case 'bash':
      return readScript(item, kind);
    default:
      item.fields([...KINDS, ...COMMON], UNSUPPORTED);
      return item.refuse('the step does nothing', `Begin it with one of: ${KINDS.join(', ')}.`);
  }
}

function readTask(item: YamlValue): Step {
  const { task, inputs } = item.fields(['task', 'inputs', ...COMMON], UNSUPPORTED);
  const reference = task?.text() ?? '';
  const [, name, version] = /^([\w.-]+)@(\d+)(?:\.\d+)*$/.exec(reference) ?? [];
  if (name === undefined) return item.refuse(`"${reference}" names no task and version`, 'Write it as Name@1.');
  return {
    ...bareStep(item),
    kind: 'task',
    displayName: titleOf(item, name),
    // A name may carry the extension that it comes from: publisher.extension.Task.
    task: name.split('.').at(-1) ?? name,
    majorVersion: Number(version),
    inputs: texts(inputs),
  };
}

function readScript(item: YamlValue, kind: 'script' | 'bash'): Step {
  const fields = item.fields([kind, 'workingDirectory', 'failOnStderr', ...COMMON], UNSUPPORTED);
  return {
    ...bareStep(item),
    kind: 'script',
    displayName: titleOf(item, kind === 'bash' ? 'Bash' : 'CmdLine'),
    script: fields[kind]?.text() ?? '',
    workingDirectory: fields.workingDirectory?.text() ?? '',
    failOnStderr: flagOf(fields.failOnStderr, false),
  };
}

function readCheckout(item: YamlValue): Step {
  const unused = ['clean', 'fetchDepth', 'fetchTags', 'lfs', 'persistCredentials', 'submodules', 'fetchFilter'];
  const { checkout, path } = item.fields(['checkout', 'path', ...unused, ...COMMON], UNSUPPORTED);
  const repository = checkout?.text();
  if (repository !== 'self' && repository !== 'none') {
    return item.refuse(`checkout of "${repository ?? ''}" is not supported`, 'Use self or none.');
  }
  const title = titleOf(item, 'Checkout');
  return {
    ...bareStep(item),
    kind: 'checkout',
    displayName: title,
    repository,
    path: path?.text() ?? 's',
  };
}

/** What every step has, whatever it does. */
function bareStep(item: YamlValue) {
  const fields = item.isList ? {} : item.fields(item.keys());
  const name = fields.name?.text();
  if (name !== undefined && !/^\w+$/.test(name)) {
    fields.name?.refuse(`"${name}" is no name of a step`, 'Use letters, digits and underscores.');
  }
  const retries = numberOf(fields.retryCountOnTaskFailure, 0);
  if (retries > MOST_RETRIES)
    fields.retryCountOnTaskFailure?.refuse('this is too often', `Use at most ${MOST_RETRIES}.`);
  return {
    place: item.place,
    name,
    isEnabled: flagOf(fields.enabled, true),
    condition: conditionOf(fields.condition),
    continueOnError: flagOf(fields.continueOnError, false),
    timeoutMinutes: numberOf(fields.timeoutInMinutes, 0),
    retries,
    env: texts(fields.env),
  };
}

function titleOf(item: YamlValue, otherwise: string): string {
  return item.fields(item.keys()).displayName?.text() ?? otherwise;
}

function texts(value: YamlValue | undefined): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  return Object.fromEntries([...value.entries()].map(([name, text]) => [name, text.text()]));
}
