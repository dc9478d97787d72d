import assert from 'node:assert/strict';
import { type Manifest, readManifest, writeManifest } from '../../../lib/model/manifest.ts';
import { modelDigest } from '../../../lib/model/model-digest.ts';

const files = [{ path: 'model.pkl', size: 3, sha256: 'a'.repeat(64) }];
const manifest: Manifest = {
  name: 'digits',
  version: '1.0',
  folder: 'files/1a2b3c4d',
  files,
  digest: modelDigest(files),
  created: new Date('2026-11-24T02:15:17.000Z'),
  properties: { accuracy: '0.97' },
  source: { commit: 'abc', run: 'train 7' },
  packed: { format: 1, folder: '/model', layers: [{ digest: `sha256:${'b'.repeat(64)}`, size: 2560 }] },
};
const written = JSON.parse(writeManifest(manifest)) as Record<string, unknown>;
const refused = (document: unknown, message: RegExp): void =>
  assert.throws(() => readManifest(JSON.stringify(document), 'https://store/model.json'), {
    code: 'MANIFEST_INVALID',
    message,
  });

describe('model.json', () => {
  it('reads as it was written', () => {
    assert.deepEqual(readManifest(writeManifest(manifest), ''), manifest);
  });

  it('needs no record of layers', () => {
    const { packed, ...rest } = written;
    assert.ok(packed !== undefined);
    assert.equal(readManifest(JSON.stringify(rest), '').packed, undefined);
  });

  it('that is cut short or no JSON is refused, with its address', () => {
    for (const text of ['', '{"schemaVersion": 1', '<html>']) {
      assert.throws(() => readManifest(text, 'https://store/model.json'), {
        code: 'MANIFEST_INVALID',
        message: /^https:\/\/store\/model\.json is not JSON/,
      });
    }
    refused([], /not a JSON object/);
  });

  it('of a later schema is refused, not guessed at', () => {
    refused({ ...written, schemaVersion: 2 }, /schema version 2/);
  });

  it('names the field that cannot be used', () => {
    refused({ ...written, name: 7 }, /name/);
    refused({ ...written, files: [{ ...files[0], size: -1 }] }, /files\[0\]\.size/);
    refused({ ...written, files: [{ ...files[0], sha256: 'short' }] }, /files\[0\]\.sha256/);
    refused({ ...written, files: 'none' }, /files/);
    refused({ ...written, source: { commit: 7 } }, /source\.commit/);
    refused({ ...written, created: 'yesterday' }, /created/);
  });

  it('whose digest is not that of its files was tampered with', () => {
    refused({ ...written, files: [{ ...files[0], path: 'other.pkl' }] }, /digest/);
    refused({ ...written, files: [] }, /no files/);
  });

  it('cannot name a folder outside its version', () => {
    for (const folder of ['../other', 'files/../..', '/', 'files/']) refused({ ...written, folder }, /folder/);
  });
});
