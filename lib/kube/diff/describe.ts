import { stringify } from 'yaml';
import type { KubeObject } from '../objects.ts';
import { contentOf } from '../rollout/content.ts';
import { fieldChanges } from './field-changes.ts';
import type { FieldChange } from './field-changes.ts';
import { isSecretField, MASK, masked } from './masking.ts';

/** Longer values are shortened: characters. */
const MAX_VALUE = 200;
/** So many lines of a text that differ are shown. */
const MAX_TEXT = 12;
/** kubectl keeps the whole object here once more. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * What is different between two states of an object, in lines for people: `~ spec.replicas: 2 → 3`. Secrets are
 * masked, what the server itself keeps is left out. Empty if nothing is different.
 */
export function describeChange(before: KubeObject, after: KubeObject): readonly string[] {
  return fieldChanges(contentOf(before), contentOf(after))
    .filter(({ path }) => !path.includes(LAST_APPLIED))
    .flatMap((change) => linesOf(change, after));
}

/** An object that is not there yet, in lines of YAML. */
export function describeNew(object: KubeObject): readonly string[] {
  const content = masked(object, Object.fromEntries(Object.entries(object).filter(([field]) => field !== 'status')));
  const lines = stringify(content, { lineWidth: 0 }).trimEnd().split('\n');
  return lines.map((line) => `+ ${line}`);
}

function linesOf({ path, from, to }: FieldChange, object: KubeObject): readonly string[] {
  const field = pathText(path);
  const shown = (value: unknown): string => short(masked(object, value, path));
  if (from === undefined) return [`+ ${field}: ${shown(to)}`];
  if (to === undefined) return [`- ${field}: ${shown(from)}`];
  if (isText(from) && isText(to) && !isSecretField(object, path)) return textLines(field, from, to);
  const [old, next] = [shown(from), shown(to)];
  return [old === MASK ? `~ ${field}: ${MASK}, changed` : `~ ${field}: ${old} → ${next}`];
}

/** `spec.containers[app].image`; names with a point in them are quoted. */
function pathText(path: readonly string[]): string {
  return path.reduce((text, name) => {
    if (name.startsWith('[')) return `${text}${name}`;
    const quoted = name.includes('.') ? `"${name}"` : name;
    return text === '' ? quoted : `${text}.${quoted}`;
  }, '');
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.includes('\n');
}

/** The lines in which two texts differ, without what they begin and end with alike. */
function textLines(field: string, from: string, to: string): readonly string[] {
  const [old, next] = [from.split('\n'), to.split('\n')];
  const start = sameLines(old, next);
  const end = Math.min(sameLines(old.toReversed(), next.toReversed()), old.length - start, next.length - start);
  const only = (lines: readonly string[], mark: string): readonly string[] => {
    const different = lines.slice(start, lines.length - end);
    const more = different.length > MAX_TEXT ? [`    ${mark} … ${different.length - MAX_TEXT} lines more`] : [];
    return [...different.slice(0, MAX_TEXT).map((line) => `    ${mark} ${cut(line)}`), ...more];
  };
  return [`~ ${field}, from line ${start + 1}:`, ...only(old, '-'), ...only(next, '+')];
}

function sameLines(some: readonly string[], others: readonly string[]): number {
  const different = some.findIndex((line, index) => line !== others[index]);
  return different < 0 ? some.length : different;
}

function short(value: unknown): string {
  return cut(typeof value === 'string' && !/[\n"]|^$/.test(value) ? value : JSON.stringify(value));
}

function cut(text: string): string {
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}
