import assert from 'node:assert/strict';
import { type BlobContainer, namesIn } from '../../support/blob-container.ts';
import { useFreshStore } from '../../support/fresh-store.ts';
import { TestFolder } from '../../support/model-folder.ts';
import { type NodeVersion, runTaskProcess, type TaskProcessResult } from '../../support/packed-task.ts';

type Values = Readonly<Record<string, string>>;

describe('PublishModel', function () {
  this.timeout(120_000);
  let container: BlobContainer;
  let folder: TestFolder;

  useFreshStore((fresh) => ({ container, folder } = fresh));

  const run = (
    inputs: Values,
    { node = '24', task = 'PublishModel' }: { node?: NodeVersion; task?: string } = {},
  ): Promise<TaskProcessResult> =>
    runTaskProcess({
      task,
      node,
      inputs: {
        storageAuth: 'connectionString',
        connectionString: container.service.connectionString,
        container: container.name,
        model: 'digits',
        ...inputs,
      },
      variables: {
        'Build.DefinitionName': 'train',
        'Build.BuildNumber': '20261125.7',
        connectionStringSecret: { value: container.service.connectionString, secret: true },
      },
    });
  const succeeded = async (inputs: Values, node: NodeVersion = '24'): Promise<TaskProcessResult> => {
    const result = await run(inputs, { node });
    assert.equal(result.result, 'Succeeded', result.log);
    return result;
  };
  const failure = async (inputs: Values, task = 'PublishModel'): Promise<string> => {
    const { result, issues, outputs } = await run(inputs, { task });
    assert.equal(result, 'Failed');
    assert.deepEqual(outputs, {});
    return issues.map(({ message }) => message).join('\n');
  };
  const fetchError = (inputs: Values): Promise<string> =>
    failure({ destination: folder.at('out'), ...inputs }, 'FetchLatestModel');

  for (const node of ['24', '20'] as const) {
    it(`takes versions through their lives on Node ${node}`, async () => {
      folder.write('out', {
        'a.onnx': 'a',
        'sub/b.onnx': 'b',
        'sub/b.log': 'noise',
        'metrics.json': '{"test": {"f1": 0.90, "runs": [1, 2]}}',
      });
      const publication = {
        source: folder.at('out/**'),
        exclude: '*.log\nmetrics.json',
        version: 'minor',
        propertiesFile: folder.at('out/metrics.json'),
        properties: 'test.f1=0.91',
      };
      const first = await succeeded(publication, node);
      assert.deepEqual(
        [first.outputs.modelVersion, first.outputs.fileCount, first.outputs.result, first.outputs.previousVersion],
        ['0.1.0', '2', 'published', ''],
      );
      assert.match(first.summary ?? '', /`test\.f1` \| `0\.91`/);
      assert.match(first.summary ?? '', /`test\.runs\.1` \| `2`/);
      folder.write('out', { 'a.onnx': 'better' });
      const second = await succeeded({ ...publication, version: 'patch' }, node);
      assert.deepEqual([second.outputs.modelVersion, second.outputs.previousVersion], ['0.1.1', '0.1.0']);

      const promotion = { action: 'promote', channel: 'production' };
      const promoted = await succeeded({ ...promotion, fromChannel: 'latest' }, node);
      assert.deepEqual([promoted.outputs.result, promoted.outputs.modelVersion], ['promoted', '0.1.1']);
      const back = await succeeded({ ...promotion, version: '0.1.0', expectedVersion: '0.1.1' }, node);
      assert.deepEqual([back.outputs.result, back.outputs.previousVersion], ['promoted', '0.1.1']);
      assert.match(back.summary ?? '', /`production` names `0\.1\.0`, before it was `0\.1\.1`/);

      const deprecated = await succeeded({ action: 'deprecate', version: '0.1.1', reason: 'biased | odd' }, node);
      assert.equal(deprecated.outputs.result, 'deprecated');
      assert.match(deprecated.issues[0]?.message ?? '', /latest still names the deprecated version 0\.1\.1/);
      assert.match(await fetchError({ channel: 'latest' }), /^VERSION_DEPRECATED: .*biased \| odd/);
      assert.equal((await succeeded({ action: 'reinstate', version: '0.1.1' }, node)).outputs.result, 'reinstated');

      await succeeded({ ...promotion, version: '0.1.1' }, node);
      const planned = await succeeded({ action: 'prune', keep: '1' }, node);
      assert.deepEqual([planned.outputs.result, planned.outputs.prunedVersions], ['planned', '0.1.0']);
      const pruned = await succeeded({ action: 'prune', keep: '1', dryRun: 'false' }, node);
      assert.deepEqual(
        [pruned.outputs.result, pruned.outputs.prunedVersions, pruned.outputs.prunedBytes],
        ['pruned', '0.1.0', planned.outputs.prunedBytes],
      );
      assert.match(pruned.summary ?? '', /`0\.1\.0` .*\*\*gone\*\* \| `older than the newest 1`/);
      assert.match(await fetchError({ version: '0.1.0' }), /^VERSION_PRUNED: /);
      assert.deepEqual(
        (await namesIn(container)).filter((name) => name.endsWith('model.json')),
        ['models/digits/versions/0.1.1/model.json'],
      );
      assert.deepEqual(
        pruned.attachments.map(({ type }) => type),
        ['model-delivery.PublishModel'],
      );
    });
  }

  it('warns of pickles that would run code, or publishes nothing', async () => {
    const source = folder.write('m', {
      'model.pkl': "cos\nsystem\n(S'##vso[task.complete]'\ntR.",
      'x.safetensors': '12',
    });
    assert.match(
      await failure({ source, pickleScan: 'fail' }),
      /^PICKLE_REFUSED: The model was not published, because loading it could run code: model\.pkl imports os\.system\. /,
    );
    assert.deepEqual(await namesIn(container), []);
    const warned = await succeeded({ source });
    assert.deepEqual(
      warned.issues.map(({ type, message }) => [type, message]),
      [['warning', 'model.pkl imports os.system (dangerous).']],
    );
    assert.match(warned.summary ?? '', /`model\.pkl` \| dangerous \| `imports os\.system`/);
    assert.equal(
      (await succeeded({ source, pickleScan: 'fail', pickleAllow: 'os.system' })).outputs.result,
      'unchanged',
    );
    assert.deepEqual((await succeeded({ source, pickleScan: 'off' })).issues, []);
  });

  it('tells of each move of a channel, and leaves it with a warning where it names a version created later', async () => {
    const source = folder.write('m', { 'model.onnx': 'weights' });
    await succeeded({ source, version: '41' });
    assert.match((await succeeded({ source, version: '42' })).log, /^latest of digits names 42, before it was 41\.$/m);
    const again = await succeeded({ source, version: '41' });
    assert.deepEqual([again.outputs.result, again.outputs.previousVersion], ['unchanged', '']);
    assert.match(again.log, /^latest of digits names 42, as before\.$/m);
    assert.deepEqual(
      again.issues.map(({ type, message }) => [type, message]),
      [
        [
          'warning',
          'latest of digits was left at 42, which was created after 41. To let it name 41 again, use action promote.',
        ],
      ],
    );
    assert.match(again.summary ?? '', /`latest` names `42`, which was created later, as before/);
  });

  it('says what is wrong with what it is given', async () => {
    const source = folder.write('m', { 'model.onnx': 'weights', 'bad.json': '{"a": 1,\n"b" 2}', 'list.json': '[1]' });
    await succeeded({ source, version: '1' });
    const cases: readonly (readonly [RegExp, Values])[] = [
      [/^INPUT_INVALID: The input action .*"delete"/, { action: 'delete' }],
      [/^INPUT_INVALID: .*version and fromChannel are both empty/, { action: 'promote', channel: 'production' }],
      [/^INPUT_INVALID: .*both version and fromChannel/, { action: 'promote', version: '1', fromChannel: 'latest' }],
      [
        /^CHANNEL_MOVED: The channel production of digits names nothing yet, not 0 /,
        { action: 'promote', version: '1', channel: 'production', expectedVersion: '0' },
      ],
      [/^VERSION_NOT_FOUND: .*no version 2\. It has: 1\.$/, { action: 'deprecate', version: '2', reason: 'x' }],
      [/^INPUT_MISSING: .*input reason/, { action: 'deprecate', version: '1' }],
      [/^INPUT_MISSING: .*input version/, { action: 'reinstate' }],
      [/^INPUT_INVALID: .*input keep .*"0"/, { action: 'prune', keep: '0' }],
      [/^MODEL_NOT_FOUND: /, { action: 'prune', model: 'letters' }],
      [/^PROPERTIES_INVALID: .*bad\.json is not JSON in line 2: /, { source, propertiesFile: folder.at('m/bad.json') }],
      [/^PROPERTIES_INVALID: .*list\.json holds no JSON object/, { source, propertiesFile: folder.at('m/list.json') }],
      [/^INPUT_INVALID: The input properties has the line "accuracy 0\.9"/, { source, properties: 'accuracy 0.9' }],
      [/^SOURCE_NOT_FOUND: No file matches .*\*\.pkl/, { source: folder.at('m/*.pkl') }],
      [/^MODEL_EMPTY: .*no files in it/, { source, exclude: '*' }],
    ];
    for (const [expected, inputs] of cases) assert.match(await failure(inputs), expected);
  });
});
