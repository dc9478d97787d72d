import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { DestinationRecord, type RecordedModel, recordedLineage } from '../../../lib/model/destination-record.ts';
import { modelDigest } from '../../../lib/model/model-digest.ts';
import { TestFolder } from '../../support/model-folder.ts';

const FILES = [{ path: 'a/model.pkl', size: 7, sha256: 'a'.repeat(64), modified: 1764000000123.25 }];
const MODEL: RecordedModel = {
  fingerprint: 'etags:1',
  lineage: {
    name: 'digits',
    version: '1.0.0',
    uri: 'https://models.example.com/models/digits/versions/1.0.0',
    properties: { accuracy: '0.97' },
    source: { author: 'Ada', commit: 'b'.repeat(40) },
  },
  files: FILES,
};
const DIGEST = modelDigest(FILES);

describe('the record beside a destination', () => {
  let folder: TestFolder;
  let destination = '';
  beforeEach(() => {
    folder = new TestFolder();
    destination = folder.write('out/model', { 'a/model.pkl': 'weights' });
  });
  afterEach(() => folder.remove());

  const write = (document: unknown): string =>
    folder.write('out', { '.model.model-delivery.json': JSON.stringify(document) });

  it('gives back what was put into it', async () => {
    const record = new DestinationRecord(destination);
    await record.settle(MODEL);
    assert.deepEqual(await record.models(), [MODEL]);
    await record.announce({ ...MODEL, fingerprint: 'etags:2' });
    assert.deepEqual(
      (await record.models()).map(({ fingerprint }) => fingerprint),
      ['etags:2', 'etags:1'],
    );
  });

  it('tells the lineage of the very bytes it was written of, through a link as well', async () => {
    await new DestinationRecord(destination).settle(MODEL);
    symlinkSync(destination, folder.at('link'));
    assert.deepEqual(await recordedLineage(destination, DIGEST), MODEL.lineage);
    assert.deepEqual(await recordedLineage(folder.at('link'), DIGEST), MODEL.lineage);
    assert.equal(await recordedLineage(destination, `sha256:${'0'.repeat(64)}`), undefined);
  });

  it('of earlier times knows the files and no lineage', async () => {
    write({ about: '', models: [{ fingerprint: 'etags:1', uri: 'https://models.example.com/1', files: FILES }] });
    assert.deepEqual(await new DestinationRecord(destination).models(), [{ ...MODEL, lineage: undefined }]);
    assert.equal(await recordedLineage(destination, DIGEST), undefined);
  });

  it('that is missing or that somebody has spoilt tells nothing', async () => {
    assert.equal(await recordedLineage(destination, DIGEST), undefined);
    for (const spoilt of [
      [],
      { models: 'none' },
      { models: [{ ...MODEL, files: [{ ...FILES[0], path: 7 }] }] },
      { models: [{ ...MODEL, lineage: { ...MODEL.lineage, name: {} } }] },
      { models: [{ ...MODEL, lineage: { ...MODEL.lineage, properties: { accuracy: 0.97 } } }] },
    ]) {
      write(spoilt);
      assert.equal(await recordedLineage(destination, DIGEST), undefined, JSON.stringify(spoilt));
    }
  });
});
