import { readFile } from 'node:fs/promises';
import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { jsonFault } from '../errors/json-fault.ts';

/** Metrics are small; what is larger is something else. */
const LARGEST = 1024 * 1024;

/**
 * Reads properties of a model from a JSON file, as training programs write their metrics. Objects within objects become keys with dots, lists
 * become keys with numbers: `{"test": {"f1": [0.9, 0.8]}}` gives `test.f1.0` and `test.f1.1`. Numbers and words are kept as text.
 *
 * @throws DeliveryError `PROPERTIES_INVALID`, which says where
 */
export async function readPropertiesFile(path: string): Promise<Readonly<Record<string, string>>> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw invalid(path, `cannot be read: ${messageOf(cause)}`, cause);
  });
  if (text.length > LARGEST) throw invalid(path, `has ${text.length} characters, which are more than metrics have`);
  const value = parse(path, text.replace(/^\uFEFF/, ''));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(path, 'holds no JSON object');
  }
  const properties = new Map<string, string>();
  for (const [key, property] of flattened(value, [])) {
    if (key === '' || /[\r\n=]/.test(key))
      throw invalid(path, `has the key ${JSON.stringify(key)}, which no property can have`);
    if (properties.has(key)) throw invalid(path, `gives ${key} twice`);
    properties.set(key, property);
  }
  return Object.fromEntries(properties);
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { line } = jsonFault(text);
    throw invalid(path, `is not JSON in line ${line}: ${messageOf(cause)}`, cause);
  }
}

function* flattened(value: unknown, path: readonly string[]): Generator<readonly [string, string]> {
  if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) yield* flattened(inner, [...path, key]);
  } else {
    yield [path.join('.'), String(value)];
  }
}

function invalid(path: string, problem: string, cause?: unknown): DeliveryError {
  return new DeliveryError('PROPERTIES_INVALID', {
    message: `The properties file ${path} ${problem}.`,
    remedy: 'Write a JSON object such as {"accuracy": 0.97, "test": {"f1": 0.95}}.',
    cause,
  });
}
