import { isMap, isNode, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import type { Document, Node, Tags } from 'yaml';
import { DeliveryError, messageOf } from '../../errors/delivery-error.ts';
import type { KubeObject } from '../objects.ts';
import type { ManifestObject } from './manifest-object.ts';
import { disguiseTokens, replaceTokens } from './tokens.ts';
import type { TokenValues } from './tokens.ts';

/** An alias may be used this often in one document; a file that needs more is an attack, not a manifest. */
const MAX_ALIASES = 100;
/** What the cluster writes itself. It stands in manifests that were saved with `kubectl get -o yaml`. */
const SERVER_OWNED = ['managedFields', 'resourceVersion', 'uid', 'creationTimestamp', 'generation', 'selfLink'];

/**
 * Reads the objects of one manifest file, YAML or JSON, with any number of documents; `kind: List` is taken apart.
 * Scalars mean what they mean to kubectl (YAML 1.1: `0644` is octal, `yes` is true), see {@link asKubectlReads}.
 *
 * @param file the name to show in messages
 * @param tokens values for the tokens `#{name}#` of the text; left out, they are left as they stand
 * @throws DeliveryError `MANIFEST_INVALID`, `TOKEN_MISSING`, naming file and line
 */
export function parseManifest(file: string, text: string, tokens?: TokenValues): readonly ManifestObject[] {
  const lines = new LineCounter();
  const source = tokens === undefined ? text : disguiseTokens(text);
  const documents = parseAllDocuments(source, { ...AS_KUBECTL, lineCounter: lines });
  // Only a text without any content comes back as this marker instead of a list.
  if ('empty' in documents) return [];
  return documents.flatMap((document) => objectsOf(document, { file, source, lines, tokens }));
}

interface Place {
  readonly file: string;
  readonly source: string;
  readonly lines: LineCounter;
  readonly tokens: TokenValues | undefined;
}

/**
 * The tags of YAML 1.1 without those that Go's YAML library, which kubectl uses, does not know: to it `22:22` and
 * `2024-01-01` are plain texts.
 */
function asKubectlReads(tags: Tags): Tags {
  return tags.filter(
    (tag) => typeof tag === 'string' || (tag.format !== 'TIME' && !/:(timestamp|set|omap|pairs|binary)$/.test(tag.tag)),
  );
}

const AS_KUBECTL = {
  version: '1.1',
  customTags: asKubectlReads,
  uniqueKeys: true,
  prettyErrors: false,
  logLevel: 'error',
} as const;

function objectsOf(document: Document, place: Place): readonly ManifestObject[] {
  const problem = document.errors[0];
  if (problem !== undefined) throw invalid(place, problem.pos[0], problem.message, remedyOf(problem.code));
  const root = document.contents;
  if (!isNode(root)) return [];
  fillTokens(document, place);
  const value = plainValueOf(document, root, place);
  if (value === null) return [];
  return isList(value)
    ? itemsOf(root, value, place)
    : [{ object: objectOf(value, root, place), source: sourceOf(root, place) }];
}

function fillTokens(document: Document, { file, source, lines, tokens }: Place): void {
  if (tokens === undefined) return;
  const missing = replaceTokens(document, source, tokens, AS_KUBECTL);
  if (missing.length === 0) return;
  const list = missing.map(({ name, offset }) => `#{${name}}# (${file}:${lines.linePos(offset).line})`);
  throw new DeliveryError('TOKEN_MISSING', {
    message: `The pipeline has no value for ${list.join(', ')}.`,
    remedy: 'Set a variable of that name where this task runs, or correct the name in the manifest.',
  });
}

function plainValueOf(document: Document, root: Node, place: Place): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown;
  } catch (error) {
    throw invalid(place, startOf(root), messageOf(error), 'Write the repeated parts out instead of using aliases.');
  }
}

function isList(value: unknown): value is { readonly items: readonly unknown[] } {
  const { kind, items } = (value ?? {}) as { readonly kind?: unknown; readonly items?: unknown };
  return typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items);
}

function itemsOf(root: Node, list: { readonly items: readonly unknown[] }, place: Place): readonly ManifestObject[] {
  const items = isMap(root) ? root.get('items', true) : undefined;
  const nodes = isSeq(items) ? items.items : [];
  return list.items.map((item, index) => {
    const node = nodes[index];
    const at = isNode(node) ? node : root;
    return { object: objectOf(item, at, place), source: sourceOf(at, place) };
  });
}

function objectOf(value: unknown, node: Node, place: Place): KubeObject {
  const at = startOf(node);
  if (!isRecord(value)) {
    throw invalid(place, at, 'this is no object', 'Each document must be a map with apiVersion, kind and metadata.');
  }
  for (const field of ['apiVersion', 'kind']) {
    if (typeof value[field] !== 'string' || value[field] === '') {
      throw invalid(place, at, `an object has no ${field}`, `Add ${field}, as in \`kubectl explain\`.`);
    }
  }
  const metadata = isRecord(value.metadata) ? value.metadata : {};
  const kind = value.kind as string;
  if (typeof metadata.name !== 'string' || metadata.name === '') {
    const remedy =
      'generateName' in metadata
        ? 'Give it a fixed name: an object with a generated name could not be applied again.'
        : 'Add metadata.name as a text (quote it if it looks like a number).';
    throw invalid(place, at, `a ${kind} has no metadata.name`, remedy);
  }
  const kept = Object.fromEntries(
    Object.entries(metadata).filter(([key, field]) => !SERVER_OWNED.includes(key) && !isLeftOut(key, field)),
  );
  const desired = Object.fromEntries(Object.entries(value).filter(([key]) => key !== 'status'));
  return { ...desired, metadata: kept } as unknown as KubeObject;
}

/** Templates often leave a field without a value; to kubectl it is as if it were not there. */
function isLeftOut(key: string, field: unknown): boolean {
  return field === null || (key === 'namespace' && field === '');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function remedyOf(code: string): string {
  if (code === 'DUPLICATE_KEY') return 'Keep one of the two lines.';
  if (code === 'TAB_AS_INDENT') return 'Indent with spaces.';
  return 'Correct the YAML at this place; templates must be rendered before they come here.';
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

function sourceOf(node: Node, { file, lines }: Place): string {
  return `${file}:${lines.linePos(startOf(node)).line}`;
}

function invalid(place: Place, offset: number, problem: string, remedy: string): DeliveryError {
  const { line, col } = place.lines.linePos(offset);
  // What the parser says may end with the text it stumbled over, and a manifest can hold secrets.
  const short = (problem.split('\n')[0] ?? '').replace(/: ".*$/, '');
  return new DeliveryError('MANIFEST_INVALID', {
    message: `${place.file}, line ${line}, column ${col}: ${short.replace(/\.$/, '')}.`,
    remedy,
  });
}
