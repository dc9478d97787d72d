import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryError, messageOf } from '../errors/delivery-error.ts';

/** A value that steps may read, by its id, without it getting into the image. */
export type BuildSecret =
  | { readonly id: string; readonly value: string }
  /** The absolute path of a file. */
  | { readonly id: string; readonly file: string };

/**
 * Reads `NAME=value`, or docker's own way of writing a file or variable: `id=NAME,src=FILE`, `id=NAME,env=VARIABLE`.
 *
 * @param fullPath makes a path absolute
 * @param variable reads an environment variable
 * @throws DeliveryError `BUILD_SECRET_INVALID`
 */
export function parseBuildSecret(
  line: string,
  fullPath: (path: string) => string,
  variable: (name: string) => string | undefined,
): BuildSecret {
  const [, own, kind, from = ''] = /^id=([^,]+),(src|source|env)=(.+)$/.exec(line) ?? [];
  if (own !== undefined && kind === 'env') return { id: checkId(own), value: variableOf(from, own, variable) };
  if (own !== undefined) return { id: checkId(own), file: fullPath(from) };
  const [, id = '', value = ''] = /^([^=]*)=(.*)$/s.exec(line) ?? [];
  if (value === '') {
    // The line may be the secret itself, so it is not shown.
    throw invalid(`A line of buildSecrets${id === '' ? '' : ` for ${checkId(id)}`} has no value`);
  }
  return { id: checkId(id), value };
}

/**
 * Puts secrets into files of a private folder, where docker reads them from.
 *
 * @returns the file of each, by its id
 * @throws DeliveryError `BUILD_SECRET_INVALID`
 */
export async function keepSecrets(
  secrets: readonly BuildSecret[],
  folder: string,
): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  await mkdir(join(folder, 'secrets'), { mode: 0o700 });
  for (const [index, secret] of secrets.entries()) {
    const file = join(folder, 'secrets', String(index));
    if ('value' in secret) await writeFile(file, secret.value, { mode: 0o600 });
    // A copy, since docker could not be told of a path with a comma.
    else await copyFile(secret.file, file).catch((error: unknown) => throwUnreadable(secret.id, error));
    files.set(secret.id, file);
  }
  return files;
}

function variableOf(name: string, id: string, variable: (name: string) => string | undefined): string {
  const value = variable(name);
  if (value !== undefined && value !== '') return value;
  throw invalid(`The secret ${id} of buildSecrets comes from the environment variable ${name}, which is not set`);
}

function checkId(id: string): string {
  if (/^[\w.-]{1,128}$/.test(id)) return id;
  throw invalid('A line of buildSecrets does not begin with a name of letters, digits, "_", "." and "-"');
}

function throwUnreadable(id: string, cause: unknown): never {
  throw invalid(`The file of the secret ${id} of buildSecrets cannot be read: ${messageOf(cause)}`);
}

function invalid(problem: string): DeliveryError {
  return new DeliveryError('BUILD_SECRET_INVALID', {
    message: `${problem}.`,
    remedy:
      'Write NAME=$(secretVariable), id=NAME,src=FILE or id=NAME,env=VARIABLE, and set the variable where this task runs.',
  });
}
