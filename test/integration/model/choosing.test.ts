import assert from 'node:assert/strict';
import { writeDeprecation } from '../../../lib/model/deprecation.ts';
import { ManagedLayout } from '../../../lib/model/layout.ts';
import { publishModel } from '../../../lib/model/publish.ts';
import { resolveModel } from '../../../lib/model/resolve.ts';
import type { ResolvedModel } from '../../../lib/model/resolved-model.ts';
import { type PlainChoice, tagExpression, type WantedBy } from '../../../lib/model/selection.ts';
import type { ObjectStore } from '../../../lib/model/stores/object-store.ts';
import { type BlobContainer, put } from '../../support/blob-container.ts';
import { useFreshStore } from '../../support/fresh-store.ts';
import { silent, TestFolder } from '../../support/model-folder.ts';

const NEVER = new AbortController().signal;

describe('choosing a model', () => {
  let container: BlobContainer;
  let store: ObjectStore;
  let folder: TestFolder;

  useFreshStore((fresh) => ({ container, store, folder } = fresh));

  describe('of a managed store', () => {
    const publish = async (version: string, content = version): Promise<string> => {
      const path = folder.write(`source-${version}`, { 'model.pkl': content });
      const publication = { path, prefix: 'models', model: 'digits', version, channel: 'latest' };
      const { manifest } = await publishModel(store, { ...publication, properties: {}, source: {} }, silent, NEVER);
      return manifest.digest;
    };
    const deprecate = (version: string, reason = 'it drifts'): Promise<unknown> =>
      writeDeprecation(
        { store, layout: new ManagedLayout('models') },
        { model: 'digits', version },
        { reason, deprecated: new Date() },
        NEVER,
      );
    const find = (by: WantedBy): Promise<ResolvedModel> =>
      resolveModel(store, { layout: 'managed', prefix: 'models', model: 'digits', by }, NEVER);
    const versionOf = async (by: WantedBy): Promise<string> => (await find(by)).version;

    it('takes the highest version in a range, whichever was published last', async () => {
      for (const version of ['2.10.0', '2.9.3', '3.0.0', '2.11.0-rc.1', 'nightly', '1.4.0']) await publish(version);
      assert.equal(await versionOf({ range: '^2.1' }), '2.10.0');
      assert.equal(await versionOf({ range: '~2.9' }), '2.9.3');
      assert.equal(await versionOf({ range: '*' }), '3.0.0');
      assert.equal(await versionOf({ range: '>=1 <2' }), '1.4.0');
      await assert.rejects(find({ range: '^4' }), {
        code: 'VERSION_NOT_FOUND',
        message: /no version in the range \^4/,
        remedy: /3\.0\.0/,
      });
    });

    it('passes over versions that are deprecated, and says so', async () => {
      for (const version of ['1.0.0', '1.1.0', '1.2.0']) await publish(version);
      await deprecate('1.2.0');
      const { version, notes, warnings } = await find({ range: '^1' });
      assert.deepEqual([version, notes.length, warnings], ['1.1.0', 1, []]);
      assert.match(notes.join(), /1\.2\.0: it is deprecated \(it drifts\)/);
      await deprecate('1.1.0');
      await deprecate('1.0.0');
      await assert.rejects(find({ range: '^1' }), { code: 'VERSION_DEPRECATED', message: /it drifts/ });
    });

    it('takes a deprecated version where it is named, with a warning; a channel that names it is an error', async () => {
      await publish('1');
      await deprecate('1', 'wrong labels');
      const { version, warnings } = await find({ version: '1' });
      assert.equal(version, '1');
      assert.match(warnings.join(), /The version 1 is deprecated.*wrong labels\./);
      await assert.rejects(find({ channel: 'latest' }), {
        code: 'VERSION_DEPRECATED',
        message: /channel latest of digits names the version 1, which is deprecated: wrong labels\./,
        remedy: /promote/,
      });
    });

    it('does not take a version that is being published', async () => {
      await publish('1.0.0');
      await put(container, 'models/digits/versions/1.1.0/files/abc/model.pkl', 'half');
      assert.equal(await versionOf({ range: '^1' }), '1.0.0');
    });

    it('takes the version with a certain content, the newest of several', async () => {
      const digest = await publish('1.0.0', 'same');
      await publish('1.1.0', 'other');
      await publish('1.2.0', 'same');
      assert.equal(await versionOf({ digest }), '1.2.0');
      await deprecate('1.2.0');
      assert.equal(await versionOf({ digest }), '1.0.0');
      const unknown = `sha256:${'0'.repeat(64)}`;
      await assert.rejects(find({ digest: unknown }), { code: 'VERSION_NOT_FOUND', message: new RegExp(unknown) });
    });

    it('finds a content among many versions, and past broken ones', async () => {
      const digest = await publish('a-first', 'wanted');
      const { text = '' } = (await store.read('models/digits/versions/a-first/model.json', NEVER)) ?? {};
      const others = Array.from({ length: 80 }, (_, index) => String(1000 + index));
      const other = text.replaceAll('a-first', 'other');
      for (const version of others) await put(container, `models/digits/versions/${version}/model.json`, other);
      assert.equal(await versionOf({ digest }), 'a-first');
    });

    it('tells a model that is not there', async () => {
      await publish('1.0.0');
      const by = { range: '^1' };
      await assert.rejects(resolveModel(store, { layout: 'managed', prefix: 'models', model: 'digit', by }, NEVER), {
        code: 'MODEL_NOT_FOUND',
        remedy: 'There are: digits.',
      });
    });
  });

  describe('of a plain container', () => {
    const find = (select: PlainChoice, ...patterns: string[]): Promise<ResolvedModel> =>
      resolveModel(store, { layout: 'plain', model: undefined, patterns, select }, NEVER);
    const pathsOf = ({ files }: ResolvedModel): readonly string[] => files.map(({ path }) => path);
    const fill = async (...names: string[]): Promise<void> => {
      for (const name of names) await put(container, name, name);
    };

    it('takes the highest version that names hold, with all that belongs to it', async () => {
      await fill('m/digits-2.9.0.pkl', 'm/digits-2.10.0.pkl', 'm/digits-2.10.0.json', 'm/digits-3.0.0-rc.1.pkl', 'm/x');
      const model = await find('semver', 'm/*');
      assert.deepEqual([model.version, ...pathsOf(model)], ['2.10.0', 'digits-2.10.0.json', 'digits-2.10.0.pkl']);
      await assert.rejects(find('semver', 'm/x'), {
        code: 'VERSION_NOT_FOUND',
        message: /no.* version in its name|None/,
      });
    });

    it('takes the version of a folder that the pattern spells out only where the names below it hold none', async () => {
      await fill('release-2024.11/churn-6.pkl', 'release-2024.11/churn-7.pkl', 'release-2024.11/model.pkl');
      const model = await find('semver', 'release-2024.11/churn-*.pkl');
      assert.deepEqual([model.version, ...pathsOf(model)], ['7', 'churn-7.pkl']);
      const other = await find('semver', 'release-2024.11/model.pkl');
      assert.deepEqual([other.version, ...pathsOf(other)], ['2024.11', 'model.pkl']);
    });

    it('names both versions where lines differ', async () => {
      await fill('w/w-1.0.0.bin', 'w/w-2.0.0.bin', 'l/l-1.5.0.txt');
      const model = await find('semver', 'w/*.bin', 'l/*.txt');
      assert.deepEqual([model.version, ...pathsOf(model)], ['2.0.0_1.5.0', 'l-1.5.0.txt', 'w-2.0.0.bin']);
    });

    it('takes the newest folder whole: by version where all are versions', async () => {
      await fill('m/1.10.0/model.onnx', 'm/1.10.0/sub/labels.txt', 'm/1.9.0/model.onnx', 'm/readme.txt');
      for (const line of ['m', 'm/', 'm/**']) {
        const model = await find('newestFolder', line);
        assert.deepEqual([model.version, ...pathsOf(model)], ['1.10.0', 'model.onnx', 'sub/labels.txt']);
        assert.match(model.uri, /\/m\/1\.10\.0\/?$/);
      }
      assert.deepEqual(pathsOf(await find('newestFolder', 'm/*/*.onnx')), ['model.onnx']);
    });

    it('takes the newest folder by its last change where some are no versions', async () => {
      await fill('m/zebra/model.onnx', 'm/1.0.0/model.onnx');
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await fill('m/autumn/model.onnx');
      const model = await find('newestFolder', 'm');
      assert.deepEqual([model.version, ...pathsOf(model)], ['autumn', 'model.onnx']);
      await fill('flat.onnx');
      await assert.rejects(find('newestFolder', '*.onnx'), { code: 'VERSION_NOT_FOUND', remedy: /folder above/ });
    });

    it('names a model by time where its folder has a name of which a version can hold nothing', async () => {
      await fill('m/模型/model.onnx');
      const model = await find('newestFolder', 'm');
      assert.match(model.version, /^\d{8}T\d{6}Z$/);
      assert.deepEqual(pathsOf(model), ['model.onnx']);
    });

    it('takes what has a tag', async () => {
      const tags = { 'a/old.pkl': 'archive', 'a/model.pkl': 'production', 'b/model.pkl': 'staging' };
      for (const [name, stage] of Object.entries(tags)) {
        await put(container, name, name);
        await container.client.getBlobClient(name).setTags({ stage, team: 'vision' });
      }
      const production = { tagged: tagExpression('stage=production, team=vision') };
      assert.deepEqual(pathsOf(await find(production, '**')), ['a/model.pkl']);
      assert.deepEqual(pathsOf(await find(production, 'a/*')), ['model.pkl']);
      await assert.rejects(find({ tagged: tagExpression('stage=none') }, '**'), {
        code: 'BLOB_NOT_FOUND',
        message: /stage/,
      });
      await assert.rejects(find({ tagged: `"stage" ~ 'x'` }, '**'), { code: 'TAG_FILTER_INVALID' });
    });

    it('names a model by time where nothing else does, and changes identity with its blobs', async () => {
      await fill('a.bin');
      const first = await find('all', '*');
      assert.match(first.version, /^\d{8}T\d{6}Z$/);
      assert.ok(Date.now() - first.created.getTime() < 60_000);
      await put(container, 'a.bin', 'another');
      assert.notEqual((await find('all', '*')).fingerprint, first.fingerprint);
    });

    it('takes no blob that only stands for a folder', async () => {
      await fill('m/model.pkl');
      await put(container, 'm/sub/', '');
      assert.deepEqual(pathsOf(await find('all', 'm/**')), ['model.pkl']);
    });
  });
});
