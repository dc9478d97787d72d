import type { KubeObject } from '../objects.ts';

/** Stands where a value must not be shown. */
export const MASK = '***';

/** Names of settings whose values are secrets, whoever put them into a plain manifest. */
const SECRET_NAME = /passw|secret|token|credential|api[-_.]?key|private[-_.]?key|connection[-_.]?string/i;

/** Whether a field of an object must not be shown: contents of Secrets, and settings that are called like secrets. */
export function isSecretField({ kind }: Pick<KubeObject, 'kind'>, path: readonly string[]): boolean {
  const [first = '', name = ''] = path;
  if (kind === 'Secret') return first === 'data' || first === 'stringData';
  if (kind === 'ConfigMap' && (first === 'data' || first === 'binaryData')) return SECRET_NAME.test(name);
  const [list, item = '', field] = path.slice(-3);
  return list === 'env' && field === 'value' && SECRET_NAME.test(item);
}

/** The value with everything in it masked that must not be shown. */
export function masked(object: Pick<KubeObject, 'kind'>, value: unknown, path: readonly string[] = []): unknown {
  if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) return value.map((item: unknown) => masked(object, item, [...path, `[${nameOf(item)}]`]));
    return Object.fromEntries(
      Object.entries(value).map(([name, child]: [string, unknown]) => [name, masked(object, child, [...path, name])]),
    );
  }
  return value !== undefined && isSecretField(object, path) ? MASK : value;
}

function nameOf(item: unknown): string {
  const { name } = (item ?? {}) as { readonly name?: unknown };
  return typeof name === 'string' ? name : '';
}
