import { LockFileError } from '../locked-package.ts';

/** An object of a document whose shape is not known yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** Something as an object; what is none counts as an empty one. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** The objects of a list; what is no list counts as an empty one. */
export function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** @throws LockFileError */
export function parseJson(text: string): Fields {
  return parsed('JSON', () => JSON.parse(text) as unknown);
}

/**
 * Reads YAML. Its parser takes longer to load than all else here together, so it is loaded only when some app needs it.
 *
 * @throws LockFileError
 */
export async function parseYaml(text: string): Promise<Fields> {
  const { parse } = await import('yaml');
  return parsed('YAML', () => parse(text) as unknown);
}

/** Reads a document with the given parser, whose own errors name no file. @throws LockFileError */
export function parsed(format: string, parse: () => unknown): Fields {
  try {
    return fieldsOf(parse());
  } catch {
    throw new LockFileError(`it is not ${format}`);
  }
}
