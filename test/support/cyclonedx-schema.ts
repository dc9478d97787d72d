// The official JSON schema of CycloneDX 1.6, as the project's own library ships it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';

const FOLDER = join(
  dirname(createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json')),
  'res',
  'schema',
);

function schema(name: string): object {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.SNAPSHOT.schema.json`), 'utf8')) as object;
}

/** Validates a document and leaves what is wrong with it in `errors`. */
export function cycloneDxValidator(): ValidateFunction {
  const ajv = new Ajv({
    strict: false,
    allErrors: true,
    formats: { 'idn-email': true, 'iri-reference': isIriReference },
  });
  addFormats.default(ajv);
  ajv.addSchema(schema('jsf-0.82'), 'http://cyclonedx.org/schema/jsf-0.82.SNAPSHOT.schema.json');
  ajv.addSchema(schema('spdx'), 'http://cyclonedx.org/schema/spdx.SNAPSHOT.schema.json');
  return ajv.compile(schema('bom-1.6'));
}

/** Of RFC 3987 what a mistake here would break: no white space, nothing that ends an address. */
function isIriReference(text: string): boolean {
  return /^[^\s<>"{}|\\^`]*$/.test(text);
}
