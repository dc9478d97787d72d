// Reads a pipeline file: stages, jobs and what hangs on them. Everything is checked before anything runs.
import { readJobs } from './job-file.ts';
import { pipelineParameters } from './parameters.ts';
import { dependencies, nameOf, onlyPart, partOf, sorted, type Fields } from './part-file.ts';
import type { Pipeline, Stage } from './pipeline-model.ts';
import { templateRoot, withTemplates } from './template.ts';
import { shownPath, type TemplateFiles } from './template-files.ts';
import { readVariables, valuesOf } from './variables-file.ts';
import { parseYaml, type YamlValue } from './yaml-value.ts';

export interface PipelineSource {
  readonly file: string;
  readonly text: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Variables given from outside; they win over those in the file. */
  readonly variables: Readonly<Record<string, string>>;
  readonly templates: TemplateFiles;
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
const FORMS = ['stages', 'jobs', 'steps', 'extends'] as const;

/** Reads and checks a pipeline. Throws `YAML_INVALID` with file, line and keyword, or `PARAMETER_UNKNOWN`. */
export function readPipeline({ file, text, parameters, variables, templates }: PipelineSource): Pipeline {
  const shown = shownPath(file);
  const root = parseYaml(text, shown, 'the pipeline');
  const declared = [...root.entries()].find(([name]) => name === 'parameters')?.[1];
  const context = {
    parameters: pipelineParameters(declared, parameters),
    variables,
    loop: {},
    given: variables,
    file: { repository: 'self', path: file },
    files: templates,
    depth: 0,
  };
  return { file: shown, ...readRoot(root.in(context)) };
}

/** Reads what a pipeline's file holds, or a template that such a file extends. */
function readRoot(root: YamlValue): Omit<Pipeline, 'file'> {
  const keywords = ['parameters', 'variables', ...FORMS, ...ROOT_UNUSED];
  const unsupported = ['template', 'strategy', 'container'];
  const own = readVariables(root.fields(keywords, unsupported).variables);
  const fields = root.knowing(valuesOf(own)).fields(keywords, unsupported);
  const unused = ROOT_UNUSED.filter((keyword) => fields[keyword] !== undefined);
  const [form, ...others] = FORMS.filter((keyword) => fields[keyword] !== undefined);
  if (form === undefined) return root.refuse('the pipeline has no steps', 'Give it steps, jobs or stages.');
  if (others.length > 0) root.refuse(`the pipeline has ${form} and ${others.join(' and ')}`, 'Keep one of them.');
  if (fields.extends === undefined) return { variables: own, stages: readStages(root, fields), unused };
  const template = readRoot(templateRoot(fields.extends));
  return {
    variables: [...own, ...template.variables],
    stages: template.stages,
    unused: [...new Set([...unused, ...template.unused])],
  };
}

function readStages(root: YamlValue, fields: Fields): readonly Stage[] {
  if (fields.stages === undefined) {
    return [{ ...onlyPart(root.place, '__default', 'succeeded()'), jobs: readJobs(fields, root) }];
  }
  const items = withTemplates(fields.stages, 'stages');
  return sorted(
    items.map((item, index) => readStage(item, items[index - 1])),
    'stage',
  );
}

function readStage(item: YamlValue, previous: YamlValue | undefined): Stage {
  const known = [
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
  ];
  const fields = item.fields(known, ['templateContext']);
  const name = nameOf(fields.stage, item, 'stage');
  const own = readVariables(fields.variables);
  // Without a word about it, a stage comes after the one above it.
  const before = previous?.fields(previous.keys()).stage;
  return {
    ...partOf({ item, name, fields, variables: own }),
    dependsOn: dependencies(fields.dependsOn) ?? (before === undefined ? [] : [before.text()]),
    jobs: readJobs(item.knowing(valuesOf(own)).fields(known), item),
  };
}
