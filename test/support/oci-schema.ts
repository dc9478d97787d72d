// The JSON schemas of the OCI image specification, as its authors publish them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';

const FOLDER = join(import.meta.dirname, 'oci-schemas');
const BASE = 'https://opencontainers.org/schema/';

export type OciDocument = 'image-manifest' | 'image-index' | 'config';

/** What is wrong with a document by its schema; an empty text where nothing is. */
export function schemaErrors(kind: OciDocument, document: unknown): string {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.json'))) {
    const schema = withoutNames(JSON.parse(readFileSync(join(FOLDER, name), 'utf8')));
    ajv.addSchema({ ...(schema as object), $id: BASE + name });
  }
  ajv.validate(`${BASE}${kind}-schema.json`, document);
  return ajv.errors === null || ajv.errors === undefined ? '' : ajv.errorsText(ajv.errors);
}

/** They are of draft 4, whose `id` later drafts do not know; apart from that they mean the same. */
function withoutNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNames);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(
    ([key, of]) => !(['id', '$schema'].includes(key) && typeof of === 'string'),
  );
  return Object.fromEntries(kept.map(([key, of]) => [key, withoutNames(of)]));
}
