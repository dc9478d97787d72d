import { DeliveryError } from '../../errors/delivery-error.ts';
import type { KubeObject } from '../objects.ts';

/** Where objects of a kind keep an image besides their containers. */
export interface ImagePath {
  /** The line as the user wrote it: for messages. */
  readonly line: string;
  readonly kind: string;
  /** The API group; undefined: any. */
  readonly group: string | undefined;
  readonly steps: readonly Step[];
}

/** From a value to those within it: a key, an index, or all. */
type Step = string | number | typeof ALL;
const ALL = Symbol('all');

const LINE = /^([A-Z]\w*)(?:\.([a-z\d][a-z\d.-]*))?\s*[:=]\s*(\S.*)$/;
/** The steps of JSONPath that lead to one place or to all of a list (RFC 9535): `.name`, `['name']`, `[0]`, `[*]`, `.*`. */
const STEP = /\.([A-Za-z_][\w-]*)|\.(\*)|\[(\d+)\]|\[(\*)\]|\['([^']*)'\]|\["([^"]*)"\]/y;

/**
 * Reads the lines of the input `imagePaths`: each is `Kind: $.path`, or `Kind.group: $.path`.
 *
 * @throws DeliveryError `IMAGE_PATH_INVALID`
 */
export function readImagePaths(lines: readonly string[]): readonly ImagePath[] {
  return lines.map((line) => {
    const [, kind, group, path] = LINE.exec(line) ?? [];
    const steps = path === undefined ? undefined : stepsOf(path.trim());
    if (kind !== undefined && steps !== undefined) return { line, kind, group, steps };
    throw new DeliveryError('IMAGE_PATH_INVALID', {
      message: `The input imagePaths has the line "${line}", which cannot be understood.`,
      remedy: "Write Kind: $.spec.image, or Kind.group: $.spec.workers[*]['image'].",
    });
  });
}

function stepsOf(path: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  STEP.lastIndex = path.startsWith('$') ? 1 : 0;
  while (STEP.lastIndex < path.length) {
    const match = STEP.exec(path);
    if (match === null) return undefined;
    const [, name, all, index, every, single, double] = match;
    if (all !== undefined || every !== undefined) steps.push(ALL);
    else steps.push(index === undefined ? (name ?? single ?? double ?? '') : Number(index));
  }
  return steps.length === 0 ? undefined : steps;
}

/** Whether the path is for objects of this kind. */
export function isFor({ kind, group }: ImagePath, object: KubeObject): boolean {
  return object.kind === kind && (group === undefined || object.apiVersion.startsWith(`${group}/`));
}

/** Replaces the texts that a path leads to; other values, and places that are not there, stay as they are. */
export function replaceAt(
  value: unknown,
  [step, ...rest]: readonly Step[],
  replace: (text: string) => string,
): unknown {
  if (step === undefined) return typeof value === 'string' ? replace(value) : value;
  const within = (key: string | number, child: unknown): unknown =>
    step === ALL || step === key ? replaceAt(child, rest, replace) : child;
  if (Array.isArray(value)) return value.map((child: unknown, index) => within(index, child));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]: [string, unknown]) => [key, within(key, child)]));
}
