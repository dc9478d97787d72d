import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DeliveryError } from '../../errors/delivery-error.ts';
import { isList, isObject, type JsonValue } from '../json-value.ts';
import type { ScoreCase } from './score-case.ts';

/** What is sent for a case. */
export interface EncodedRequest {
  readonly contentType: string;
  readonly body: Uint8Array | string;
}

/** In bytes: a request is in memory as a whole, as base64 once more. */
const LARGEST = 64 * 1024 * 1024;

/** Makes the body of a case's request, with the files that it names in their places. */
export async function encodeRequest({ request }: ScoreCase, folder: string): Promise<EncodedRequest> {
  if (request.kind === 'file') {
    return { contentType: request.contentType, body: await readFile(resolve(folder, request.path)) };
  }
  return { contentType: 'application/json', body: JSON.stringify(await withFiles(request.value, folder)) };
}

/**
 * Looks for the files that cases name, before anything is sent.
 *
 * @throws DeliveryError `CASE_FILE_MISSING`
 */
export async function checkFiles(cases: readonly ScoreCase[], folder: string, caseFile: string): Promise<void> {
  const known = new Set<string>();
  for (const { name, request } of cases) {
    for (const path of request.kind === 'file' ? [request.path] : filesIn(request.value)) {
      if (known.has(path)) continue;
      known.add(path);
      const file = await stat(resolve(folder, path)).catch(() => undefined);
      if (file?.isFile() !== true) throw missing(path, name, caseFile, 'which is not there');
      if (file.size > LARGEST) throw missing(path, name, caseFile, `which is larger than ${LARGEST} bytes`);
    }
  }
}

/** Whether an object stands for a file: `{"$file": "two.png"}`, its content in base64, or `{"$text": "two.txt"}`. */
function fileOf(value: JsonValue): { readonly path: string; readonly encoding: 'base64' | 'utf8' } | undefined {
  if (!isObject(value) || Object.keys(value).length !== 1) return undefined;
  if (typeof value.$file === 'string') return { path: value.$file, encoding: 'base64' };
  return typeof value.$text === 'string' ? { path: value.$text, encoding: 'utf8' } : undefined;
}

function filesIn(value: JsonValue): readonly string[] {
  const file = fileOf(value);
  if (file !== undefined) return [file.path];
  if (isList(value)) return value.flatMap(filesIn);
  return isObject(value) ? Object.values(value).flatMap(filesIn) : [];
}

async function withFiles(value: JsonValue, folder: string): Promise<JsonValue> {
  const file = fileOf(value);
  if (file !== undefined) return await readFile(resolve(folder, file.path), file.encoding);
  if (isList(value)) return await Promise.all(value.map((item) => withFiles(item, folder)));
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(async ([key, inner]) => [key, await withFiles(inner, folder)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

function missing(path: string, name: string, caseFile: string, problem: string): DeliveryError {
  return new DeliveryError('CASE_FILE_MISSING', {
    message: `The case "${name}" of ${caseFile} names the file ${path}, ${problem}.`,
    remedy: 'Write the path as it is seen from the folder of the case file.',
  });
}
