import { isDeepStrictEqual } from 'node:util';

/** One field that differs. A side where it is missing is undefined. */
export interface FieldChange {
  /** Names of fields, `[name]` for items of lists: `spec`, `containers`, `[app]`, `image`. */
  readonly path: readonly string[];
  readonly from: unknown;
  readonly to: unknown;
}

/** The fields by which lists of Kubernetes tell their items apart, most telling first. */
const LIST_KEYS = ['name', 'mountPath', 'containerPort', 'port', 'key', 'type', 'host', 'path', 'ip', 'topologyKey'];

type Fields = Readonly<Record<string, unknown>>;

/**
 * The fields in which two values differ, as deep as possible: of two Deployments whose image differs, that image alone.
 * Items of lists are paired by what names them, so that one more in front is one change and not many.
 */
export function fieldChanges(from: unknown, to: unknown, path: readonly string[] = []): readonly FieldChange[] {
  if (isDeepStrictEqual(from, to)) return [];
  if (isFields(from) && isFields(to)) return changesOfFields(from, to, path);
  if (Array.isArray(from) && Array.isArray(to)) return changesOfLists(from, to, path);
  return [{ path, from, to }];
}

function changesOfFields(from: Fields, to: Fields, path: readonly string[]): readonly FieldChange[] {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  return names.flatMap((name) => fieldChanges(from[name], to[name], [...path, name]));
}

function changesOfLists(
  from: readonly unknown[],
  to: readonly unknown[],
  path: readonly string[],
): readonly FieldChange[] {
  if (!from.every(isFields) || !to.every(isFields)) return [{ path, from, to }];
  const key = LIST_KEYS.find((name) => tellsApart(name, from) && tellsApart(name, to));
  const [before, after] = [named(from, key), named(to, key)];
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const changes = names.flatMap((name) => fieldChanges(before.get(name), after.get(name), [...path, `[${name}]`]));
  // The same items in another order: of init containers that is a change too.
  return changes.length > 0
    ? changes
    : [{ path: [...path, '(order)'], from: [...before.keys()], to: [...after.keys()] }];
}

function tellsApart(key: string, items: readonly Fields[]): boolean {
  const values = items.map((item) => item[key]);
  return (
    values.every((value) => typeof value === 'string' || typeof value === 'number') &&
    new Set(values).size === values.length
  );
}

function named(items: readonly Fields[], key: string | undefined): ReadonlyMap<string, Fields> {
  return new Map(items.map((item, index) => [key === undefined ? String(index) : String(item[key]), item]));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
