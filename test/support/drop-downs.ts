// Evaluates a `dataSourceBindings` entry of a task.json as Azure Pipelines does when the classic editor opens a list: URL, selector and
// template, page after page (Azure DevOps documentation, "Service endpoint authentication schemes and data sources").

/** An entry of `dataSourceBindings`. */
export interface Binding {
  readonly target: string;
  readonly endpointId: string;
  readonly dataSourceName?: string;
  readonly endpointUrl?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly resultSelector?: string;
  readonly resultTemplate?: string;
  readonly initialContextTemplate?: string;
  readonly callbackContextTemplate?: string;
  readonly callbackRequiredTemplate?: string;
}

/** What the editor shows of one entry, and what it puts into the input. */
export interface Option {
  readonly value: string;
  readonly label: string;
}

/** Where a list is asked for. */
export interface Editor {
  readonly endpoint: { readonly url: string; readonly subscriptionId: string };
  /** What is chosen in other inputs so far. */
  readonly inputs: Readonly<Record<string, string>>;
  /** The service's answer to a GET. */
  readonly ask: (url: string) => unknown;
}

const MOST_PAGES = 10;

/** All entries of a list. */
export function optionsOf(binding: Binding, editor: Editor): readonly Option[] {
  const { endpointUrl = '', resultSelector = '', resultTemplate = '' } = binding;
  let context = JSON.parse(binding.initialContextTemplate ?? '{}') as Readonly<Record<string, string>>;
  const options: Option[] = [];
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const url = rendered(endpointUrl, { endpoint: editor.endpoint, ...context }).replace(
      /\$\((\w+)\)/g,
      (_, name: string) => editor.inputs[name] ?? `$(${name})`,
    );
    const response = editor.ask(url);
    options.push(...selected(response, resultSelector).map((entry) => optionFrom(rendered(resultTemplate, entry))));
    if (rendered(binding.callbackRequiredTemplate ?? 'false', { response }) !== 'true') return options;
    context = JSON.parse(rendered(binding.callbackContextTemplate ?? '{}', { response })) as typeof context;
  }
  throw new Error(`${binding.target} never comes to its last page`);
}

/** Only the selectors that our tasks use. */
function selected(response: unknown, selector: string): readonly unknown[] {
  const [, list = ''] = /^jsonpath:\$\.(\w+)\[\*\]$/.exec(selector) ?? [];
  const entries = field(response, list);
  if (!Array.isArray(entries)) throw new Error(`${selector} selects no list`);
  return entries as readonly unknown[];
}

/** A template is either the value itself or JSON with what to show beside it. */
function optionFrom(text: string): Option {
  if (!text.trimStart().startsWith('{')) return { value: text, label: text };
  const { Value: value, DisplayValue: label } = JSON.parse(text) as {
    readonly Value: string;
    readonly DisplayValue: string;
  };
  return { value, label };
}

/** Mustache with the service's own helpers, as far as our tasks use them. */
function rendered(template: string, data: unknown): string {
  return template
    .replace(
      /\{\{#getTokenValue ([\w.]+)\}\}\{\{extractUrlQueryParameter (\S+)\}\}\{\{\/getTokenValue\}\}/g,
      (_, path: string, parameter: string) => queryParameter(textAt(data, path), decodeURIComponent(parameter)),
    )
    .replace(/\{\{isTokenPresent ([\w.]+)\}\}/g, (_, path: string) => String(textAt(data, path) !== ''))
    .replace(/\{\{\{ ?#extractResource (\w+) (\w+) ?\}\}\}/g, (_, path: string, kind: string) => {
      return new RegExp(`/${kind}/([^/]+)`, 'i').exec(textAt(data, path))?.[1] ?? '';
    })
    .replace(
      /\{\{\{ ?#stringReplace '([^']*)' '([^']*)' ([\w.]+) ?\}\}\}/g,
      (_, old: string, by: string, path: string) => textAt(data, path).replaceAll(old, by),
    )
    .replace(/\{\{\{? ?([\w.]+) ?\}?\}\}/g, (_, path: string) => textAt(data, path));
}

function queryParameter(url: string, name: string): string {
  const parameters = [...new URL(url).searchParams];
  return parameters.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1] ?? '';
}

function textAt(data: unknown, path: string): string {
  const found = path.split('.').reduce<unknown>(field, data);
  return typeof found === 'string' ? found : '';
}

function field(data: unknown, name: string): unknown {
  return typeof data === 'object' && data !== null ? (data as Readonly<Record<string, unknown>>)[name] : undefined;
}
