// Templates: files that give stages, jobs, steps or variables to the file that names them.
import { templateParameters, type ListKind } from './parameters.ts';
import { referredFile, shownPath, type TemplateFile } from './template-files.ts';
import type { TemplateContext } from './template-context.ts';
import { parseYaml, type YamlValue } from './yaml-value.ts';

const KINDS: readonly (ListKind | 'variables')[] = ['stages', 'jobs', 'steps', 'variables'];
/** The real service goes no deeper. */
const DEEPEST = 100;

/** The entries of a list of stages, jobs or steps, with those of the templates that it names in their places. */
export function withTemplates(list: YamlValue, kind: ListKind): readonly YamlValue[] {
  return list
    .list()
    .flatMap((entry) => (namesTemplate(entry) ? withTemplates(templatePart(entry, kind), kind) : [entry]));
}

/** Whether an entry of a list is a template's. */
export function namesTemplate(entry: YamlValue): boolean {
  return !entry.isText && !entry.isList && entry.keys().includes('template');
}

/** What a template gives to a list. Throws `YAML_INVALID` where it gives something else, or is called wrongly. */
export function templatePart(call: YamlValue, kind: ListKind | 'variables'): YamlValue {
  const root = templateRoot(call);
  const fields = root.fields(['parameters', ...KINDS]);
  const others = KINDS.filter((other) => other !== kind && fields[other] !== undefined);
  if (others.length > 0) {
    const { template } = call.fields(['template', 'parameters']);
    call.refuse(
      `the template ${template?.text() ?? ''} holds ${others.join(' and ')}, where ${kind} are wanted`,
      `Name it where ${others[0] ?? ''} stand, or another template here.`,
    );
  }
  return fields[kind] ?? root.refuse(`the template has no ${kind}`, `Add ${kind}.`);
}

/** The whole file of a template, with the parameters that the call gives. Throws `YAML_INVALID`. */
export function templateRoot(call: YamlValue): YamlValue {
  const { template, parameters } = call.fields(['template', 'parameters']);
  const { context } = call;
  if (template === undefined || context === undefined) return call.refuse('the template has no name', 'Name its file.');
  if (context.depth === DEEPEST) {
    call.refuse(`templates stand in one another more than ${DEEPEST} deep`, 'One of them may include itself.');
  }
  const file = fileOf(template, context);
  const text =
    context.files.read(file.path) ??
    template.refuse(
      `there is no template ${shownPath(file.path)}`,
      'A path begins at the folder of the file it stands in.',
    );
  const root = parseYaml(text, shownPath(file.path), 'the template');
  const declared = [...root.entries()].find(([name]) => name === 'parameters')?.[1];
  return root.in({
    ...context,
    file,
    loop: {},
    parameters: templateParameters(declared, parameters, call, withTemplates),
    depth: context.depth + 1,
  });
}

function fileOf(template: YamlValue, { file, files }: TemplateContext): TemplateFile {
  const reference = template.text();
  const found = referredFile(reference, file, files.repositories);
  if (found !== undefined) return found;
  const repository = reference.slice(reference.lastIndexOf('@') + 1);
  return template.refuse(
    `the template ${reference} lies in another repository`,
    `Say where it is on this machine: --repository ${repository}=FOLDER.`,
  );
}
