// Reads a pipeline file: stages, jobs and what hangs on them. Everything is checked before anything runs.
import { parseExpression, type Expression, type ExpressionValue } from './expression.ts';
import { inOrder, type Dependent } from './order.ts';
import { parameterValues } from './parameters.ts';
import type { Job, Pipeline, Place, Stage, VariableDefinition } from './pipeline-model.ts';
import { conditionOf, expressionAt, flagOf, numberOf } from './scalars.ts';
import { readSteps } from './step-file.ts';
import { templateText } from './template-text.ts';
import { parseYaml, refusal, type Substitute, type YamlValue } from './yaml-source.ts';

export interface PipelineSource {
  /** As it is named in errors. */
  readonly file: string;
  readonly text: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Variables given from outside; they win over those in the file. */
  readonly variables: Readonly<Record<string, string>>;
}

const ROOT_UNUSED = [
  'name',
  'trigger',
  'pr',
  'schedules',
  'pool',
  'resources',
  'lockBehavior',
  'appendCommitMessageToRunName',
];
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
const JOB_UNSUPPORTED = ['container', 'services', 'strategy', 'template', 'parameters', 'templateContext'];
/** The real service gives a job an hour. */
const JOB_TIMEOUT_MINUTES = 60;

/** What is known where a value is read: the file's substitution, and the variables that it knows so far. */
interface Scope {
  readonly parameters: Readonly<Record<string, ExpressionValue>>;
  readonly variables: Readonly<Record<string, string>>;
  readonly given: Readonly<Record<string, string>>;
  readonly substitute: Substitute;
}

type Fields = Readonly<Record<string, YamlValue | undefined>>;

/** Reads and checks a pipeline. Throws `YAML_INVALID` with file, line and keyword, or `PARAMETER_UNKNOWN`. */
export function readPipeline({ file, text, parameters, variables }: PipelineSource): Pipeline {
  const root = parseYaml(text, file, 'the pipeline');
  const fields = root.fields(
    ['parameters', 'variables', 'stages', 'jobs', 'steps', ...ROOT_UNUSED],
    ['extends', 'template', 'strategy', 'container'],
  );
  const outermost = scopeOf({
    parameters: parameterValues(fields.parameters, parameters),
    given: variables,
    variables,
  });
  const own = readVariables(fields.variables, outermost);
  const stages = readStages(root, fields, within(outermost, own));
  return { file, variables: own, stages, unused: ROOT_UNUSED.filter((keyword) => fields[keyword] !== undefined) };
}

function scopeOf(scope: Omit<Scope, 'substitute'>): Scope {
  return { ...scope, substitute: templateText(scope.parameters, scope.variables) };
}

/** The scope inside of something that defines variables of its own. */
function within(scope: Scope, own: readonly VariableDefinition[]): Scope {
  const plain = own.flatMap(({ name, value }) => (typeof value === 'string' ? [[name, value] as const] : []));
  return scopeOf({ ...scope, variables: { ...scope.variables, ...Object.fromEntries(plain), ...scope.given } });
}

function readStages(root: YamlValue, fields: Fields, scope: Scope): readonly Stage[] {
  const [form, ...others] = ['stages', 'jobs', 'steps'].filter((keyword) => fields[keyword] !== undefined);
  if (form === undefined) return root.refuse('the pipeline has no steps', 'Give it steps, jobs or stages.');
  if (others.length > 0) root.refuse(`the pipeline has ${form} and ${others.join(' and ')}`, 'Keep one of them.');
  if (form !== 'stages') {
    return [{ ...onlyPart(root.place, '__default', 'succeeded()'), jobs: readJobs(fields, root, scope) }];
  }
  const items = fields.stages?.list() ?? [];
  const stages = items.map((item, index) => readStage(item, items[index - 1], scope));
  return sorted(stages, 'stage');
}

function readStage(item: YamlValue, previous: YamlValue | undefined, scope: Scope): Stage {
  const fields = item.fields(
    [
      'stage',
      'displayName',
      'dependsOn',
      'condition',
      'variables',
      'jobs',
      'pool',
      'isSkippable',
      'trigger',
      'lockBehavior',
    ],
    ['template', 'parameters', 'templateContext'],
  );
  const name = nameOf(fields.stage, item, 'stage', scope.substitute);
  const own = readVariables(fields.variables, scope);
  // Without a word about it, a stage comes after the one above it.
  const before = previous?.fields(previous.keys()).stage;
  const dependsOn = dependencies(fields.dependsOn, scope.substitute);
  return {
    ...partOf({ item, name, fields, variables: own, substitute: scope.substitute }),
    dependsOn: dependsOn ?? (before === undefined ? [] : [before.text(scope.substitute)]),
    jobs: readJobs(fields, item, within(scope, own)),
  };
}

function readJobs(fields: Fields, owner: YamlValue, scope: Scope): readonly Job[] {
  const { jobs, steps } = fields;
  if (jobs !== undefined)
    return sorted(
      jobs.list().map((item) => readJob(item, scope)),
      'job',
    );
  if (steps === undefined) return owner.refuse('there are no jobs', 'Add jobs.');
  const only = onlyPart(owner.place, 'Job', 'succeeded()');
  return [{ ...only, ...LOCAL_JOB, steps: readSteps(steps, { substitute: scope.substitute, checksOut: true }) }];
}

const LOCAL_JOB = { continueOnError: false, timeoutMinutes: JOB_TIMEOUT_MINUTES, environment: undefined };

function readJob(item: YamlValue, scope: Scope): Job {
  const isDeployment = item.keys().includes('deployment');
  const fields = isDeployment
    ? item.fields(['deployment', 'environment', 'strategy', ...JOB_FIELDS], JOB_UNSUPPORTED)
    : item.fields(['job', 'steps', ...JOB_FIELDS], JOB_UNSUPPORTED);
  const { substitute } = scope;
  const own = readVariables(fields.variables, scope);
  const inner = within(scope, own).substitute;
  const steps = isDeployment ? deploymentSteps(item, fields) : fields.steps;
  if (steps === undefined) item.refuse('the job has no steps', 'Add steps.');
  return {
    ...partOf({
      item,
      name: nameOf(fields[isDeployment ? 'deployment' : 'job'], item, isDeployment ? 'deployment' : 'job', substitute),
      fields,
      variables: own,
      substitute,
    }),
    continueOnError: flagOf(fields.continueOnError, false, substitute),
    timeoutMinutes: numberOf(fields.timeoutInMinutes, JOB_TIMEOUT_MINUTES, substitute),
    environment: isDeployment ? environmentOf(fields.environment, item, substitute) : undefined,
    // A deployment job does not check out by itself.
    steps: readSteps(steps, { substitute: inner, checksOut: !isDeployment }),
  };
}

function deploymentSteps(item: YamlValue, fields: Fields): YamlValue | undefined {
  const strategy =
    fields.strategy ?? item.refuse('the deployment has no strategy', 'Add strategy: runOnce: deploy: steps.');
  const once = strategy.fields(['runOnce'], ['rolling', 'canary']).runOnce;
  const deploy = once?.fields(['deploy'], ['preDeploy', 'routeTraffic', 'postRouteTraffic', 'on']).deploy;
  return deploy?.fields(['steps', 'pool']).steps;
}

function environmentOf(value: YamlValue | undefined, item: YamlValue, substitute: Substitute): string {
  if (value === undefined) return item.refuse('the deployment has no environment', 'Name one.');
  if (value.isText) return value.text(substitute);
  const { name } = value.fields(['name', 'resourceName', 'resourceId', 'resourceType', 'tags']);
  return name?.text(substitute) ?? value.refuse('the environment has no name', 'Give it one.');
}

/** The stage or job that a shorter form of the file leaves out. */
function onlyPart(place: Place, name: string, condition: string) {
  const nothing: readonly never[] = [];
  return {
    place,
    name,
    displayName: name,
    dependsOn: nothing,
    variables: nothing,
    condition: parseExpression(condition),
  };
}

function partOf({
  item,
  name,
  fields,
  variables,
  substitute,
}: {
  readonly item: YamlValue;
  readonly name: string;
  readonly fields: Fields;
  readonly variables: readonly VariableDefinition[];
  readonly substitute: Substitute;
}) {
  return {
    place: item.place,
    name,
    displayName: fields.displayName?.text(substitute) ?? name,
    dependsOn: dependencies(fields.dependsOn, substitute) ?? [],
    condition: conditionOf(fields.condition, substitute),
    variables,
  };
}

function nameOf(value: YamlValue | undefined, item: YamlValue, kind: string, substitute: Substitute): string {
  const name = value?.text(substitute) ?? item.refuse(`"${kind}" is missing`, `Begin the entry with ${kind}: NAME.`);
  if (!/^[A-Za-z_]\w*$/.test(name)) {
    (value ?? item).refuse(`"${name}" is no name of a ${kind}`, 'Use letters, digits and underscores.');
  }
  return name;
}

function dependencies(value: YamlValue | undefined, substitute: Substitute): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (value.isList) return value.list().map((entry) => entry.text(substitute));
  const name = value.text(substitute);
  return name === '' ? [] : [name];
}

function sorted<Item extends Dependent & { readonly place: Place }>(
  items: readonly Item[],
  kind: string,
): readonly Item[] {
  for (const [index, { name, place }] of items.entries()) {
    if (items.slice(0, index).some((other) => other.name.toLowerCase() === name.toLowerCase())) {
      throw refusal(place, `there are two of the name ${name}`, `Give each ${kind} a name of its own.`);
    }
  }
  return inOrder(items, ({ place }, problem) => {
    throw refusal(place, problem, 'Correct dependsOn.');
  });
}

function readVariables(value: YamlValue | undefined, scope: Scope): readonly VariableDefinition[] {
  if (value === undefined) return [];
  const read = (
    name: string,
    text: YamlValue | undefined,
    isReadOnly: boolean,
    own: readonly VariableDefinition[],
  ) => ({
    name,
    value: variableValue(text, within(scope, own).substitute),
    isReadOnly,
  });
  if (!value.isList) {
    return value
      .entries()
      .reduce<readonly VariableDefinition[]>((own, [name, text]) => [...own, read(name, text, false, own)], []);
  }
  return value.list().reduce<readonly VariableDefinition[]>((own, entry) => {
    const fields = entry.fields(['name', 'value', 'readonly'], ['group', 'template', 'parameters']);
    const name = fields.name?.text(scope.substitute) ?? entry.refuse('the variable has no name', 'Give it one.');
    return [...own, read(name, fields.value, flagOf(fields.readonly, false, scope.substitute), own)];
  }, []);
}

function variableValue(value: YamlValue | undefined, substitute: Substitute): string | Expression {
  const text = value?.text(substitute) ?? '';
  const runtime = /^\s*\$\[(.*)\]\s*$/s.exec(text)?.[1];
  return runtime === undefined || value === undefined ? text : expressionAt(value, runtime);
}
