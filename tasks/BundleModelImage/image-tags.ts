import type { Agent } from '../../lib/agent/agent.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { checkTag } from '../../lib/oci/image-name.ts';
import type { BundledModel } from './model-source.ts';

/** What tags may be made of: names in braces, and what each stands for in this run; undefined where nobody knows. */
type Values = Readonly<Record<string, string | undefined>>;

/**
 * The tags that shall point at the image, each once. A tag is text with names in braces: `{model.version}-{commit:7}` is the
 * model's version and the first seven digits of the commit.
 *
 * @param created the time of the commit; undefined or 1970: not known
 * @throws DeliveryError `TAG_TEMPLATE_INVALID`, `TAG_INVALID`, `INPUT_MISSING`
 */
export function imageTags(agent: Agent, model: BundledModel | undefined, created: Date | undefined): readonly string[] {
  const templates = agent.inputs.lines('tags').flatMap((line) => line.split(',').map((tag) => tag.trim()));
  const values: Values = {
    'model.name': model?.name,
    'model.version': model?.version,
    'model.digest': model?.digest?.replace(/^sha256:/, ''),
    commit: agent.variable('Build.SourceVersion'),
    'build.id': agent.variable('Build.BuildId'),
    'build.number': agent.variable('Build.BuildNumber'),
    date: created?.getTime() === 0 ? undefined : created?.toISOString().slice(0, 10),
  };
  const tags = [...new Set(templates.filter((tag) => tag !== '').map((tag) => checkTag(filled(tag, values))))];
  if (tags.length > 0) return tags;
  throw new DeliveryError('INPUT_MISSING', {
    message: 'The input tags is empty.',
    remedy: 'Give at least one tag, such as $(Build.BuildId).',
  });
}

/** Puts values in place of names; `{commit:7}` takes the first seven characters. */
function filled(template: string, values: Values): string {
  return template.replace(/\{([^{}:]*)(?::(\d+))?\}/g, (_, name: string, length?: string) => {
    if (!(name in values)) {
      throw new DeliveryError('TAG_TEMPLATE_INVALID', {
        message: `The tag "${template}" names {${name}}, which is not known here.`,
        remedy: `Use ${Object.keys(values)
          .map((each) => `{${each}}`)
          .join(', ')}.`,
      });
    }
    const value = values[name];
    if (value === undefined) {
      throw new DeliveryError('TAG_TEMPLATE_INVALID', {
        message: `The tag "${template}" needs {${name}}, and this run has none.`,
        remedy:
          'Give the inputs model and version for a model from a folder that FetchLatestModel has not made; commit, build and date come from the pipeline.',
      });
    }
    return length === undefined ? value : value.slice(0, Number(length));
  });
}
