// Reads a pipeline file: stages, jobs and what hangs on them. Everything is checked before anything runs.
import { readJobs } from './job-file.ts';
import { parameterValues } from './parameters.ts';
import { dependencies, nameOf, onlyPart, partOf, sorted, type Fields } from './part-file.ts';
import type { Pipeline, Stage } from './pipeline-model.ts';
import { readVariables, scopeOf, within, type Scope } from './scope.ts';
import { parseYaml, type YamlValue } from './yaml-source.ts';

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
