import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { parseRepositoryName } from '../../../lib/oci/image-name.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { pushBaseImage } from '../../support/base-images.ts';
import {
  type Connection,
  runTaskProcess,
  succeeded,
  type TaskProcessOptions,
  type TaskProcessResult,
} from '../../support/packed-task.ts';
import { ensureImageInspectors } from '../../support/image-inspectors.ts';
import { startHtpasswdRegistry, type TestRegistry } from '../../support/test-registry.ts';

const NEVER = new AbortController().signal;
const dispatcher = createDispatcher();
const VARIABLES = { SOURCE_DATE_EPOCH: '1764000000', 'Build.SourceVersion': 'a'.repeat(40) };

describe('BundleModelImage', function () {
  this.timeout('120s');
  let host = '';
  let folder = '';
  let base = '';
  let baseDigest = '';
  before(async () => {
    ({ host } = (await ensureServices(['registry'])).registry);
    await ensureImageInspectors();
    base = `bundle/${randomUUID()}/base`;
    baseDigest = await pushBaseImage(repository(base), '1', { config: { config: { Env: ['PATH=/bin'] } } });
    folder = mkdtempSync(join(tmpdir(), 'bundle-'));
    mkdirSync(join(folder, 'app', 'static'), { recursive: true });
    writeFileSync(join(folder, 'app', 'main.py'), 'print("hello")\n');
    writeFileSync(join(folder, 'app', 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(join(folder, 'app', 'notes.md'), 'not for production\n');
    writeFileSync(join(folder, 'app', '.dockerignore'), '*.md\n');
    mkdirSync(join(folder, 'model'));
    writeFileSync(join(folder, 'model', 'weights.npz'), randomBytes(2_000_000));
    writeFileSync(join(folder, 'model', 'labels.json'), '["zero","one"]');
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
    return dispatcher.destroy();
  });

  const repository = (name: string, registry = host): Repository =>
    new Repository(new RegistryClient({ registry, dispatcher }), { registry, repository: name }, 'pull,push');
  const tagOf = (name: string, tag = 'latest'): Promise<string | undefined> =>
    repository(parseRepositoryName(name).repository).digestOfTag(tag, NEVER);
  const newRepository = (): string => `${host}/bundle/${randomUUID()}`;

  /** Runs the packed task with what most tests want, and what this one wants else. */
  const run = (
    inputs: Readonly<Record<string, string>>,
    rest: Partial<TaskProcessOptions> = {},
  ): Promise<TaskProcessResult> =>
    runTaskProcess({
      task: 'BundleModelImage',
      inputs: {
        repository: newRepository(),
        tags: 'latest',
        baseImage: `${host}/${base}:1`,
        appFolder: join(folder, 'app'),
        modelFolder: join(folder, 'model'),
        ...inputs,
      },
      variables: VARIABLES,
      ...rest,
    });
  const failed = (run: TaskProcessResult, code: string, names: RegExp): void => {
    assert.equal(run.result, 'Failed', run.log);
    assert.equal(run.exitCode, 1);
    const errors = run.issues.filter(({ type }) => type === 'error');
    assert.equal(errors.length, 1, run.log);
    assert.match(errors[0]?.message ?? '', new RegExp(`^${code}: `));
    assert.match(errors[0]?.message ?? '', names);
  };

  it('puts app and model onto the base, tells what it did, and unpacks to what went in', async () => {
    const target = newRepository();
    const {
      outputs,
      summary = '',
      attachments,
    } = succeeded(
      await run({
        repository: target,
        tags: 'latest\n1.0, one',
        model: 'digits',
        version: '7',
        entrypoint: 'python3 "/app/main.py"',
        env: 'PORT=8000',
        ports: '8000, 9000/udp',
        workingDirectory: '/app',
        user: '10001',
        labels: 'team=ml',
      }),
    );
    assert.equal(outputs.image, `${target}@${outputs.imageDigest ?? ''}`);
    assert.equal(outputs.imageTags, 'latest,1.0,one');
    assert.equal(outputs.imageChanged, 'true');
    assert.equal(outputs.modelVersion, '7');
    assert.equal(outputs.baseDigest, baseDigest);
    assert.match(outputs.modelDigest ?? '', /^sha256:[0-9a-f]{64}$/);
    for (const tag of ['latest', '1.0', 'one']) assert.equal(await tagOf(target, tag), outputs.imageDigest);

    const source = `docker://${target}:latest`;
    const inspected = execFileSync('skopeo', ['inspect', '--config', '--tls-verify=false', source], {
      encoding: 'utf8',
    });
    const { created, config } = JSON.parse(inspected) as { created: string; config: Record<string, unknown> };
    assert.equal(created, '2025-11-24T16:00:00Z');
    const { Labels: labels, ...settings } = config as { Labels: Record<string, string> };
    assert.deepEqual(settings, {
      Env: ['PATH=/bin', 'PORT=8000'],
      Entrypoint: ['python3', '/app/main.py'],
      ExposedPorts: { '8000/tcp': {}, '9000/udp': {} },
      WorkingDir: '/app',
      User: '10001',
    });
    assert.equal(labels['model-delivery.model.name'], 'digits');
    assert.equal(labels['model-delivery.model.version'], '7');
    assert.equal(labels['model-delivery.model.digest'], outputs.modelDigest);
    assert.equal(labels['org.opencontainers.image.base.digest'], baseDigest);
    assert.equal(labels['org.opencontainers.image.revision'], 'a'.repeat(40));
    assert.equal(labels.team, 'ml');

    execFileSync('skopeo', ['copy', '-q', '--src-tls-verify=false', source, `oci:${folder}/layout:latest`]);
    execFileSync('umoci', ['unpack', '--image', `${folder}/layout:latest`, `${folder}/bundle`], { stdio: 'ignore' });
    execFileSync('diff', ['-r', join(folder, 'model'), join(folder, 'bundle', 'rootfs', 'model')]);
    execFileSync('diff', [
      '-r',
      '-x',
      'notes.md',
      '-x',
      '.dockerignore',
      join(folder, 'app'),
      join(folder, 'bundle', 'rootfs', 'app'),
    ]);
    assert.throws(() => readFileSync(join(folder, 'bundle', 'rootfs', 'app', 'notes.md')), { code: 'ENOENT' });

    for (const text of [outputs.image, '**1.9 MiB sent**']) assert.ok(summary.includes(text), summary);
    const facts = JSON.parse(attachments[0]?.content ?? '{}') as { imageDigest: string; model: { version: string } };
    assert.deepEqual([facts.imageDigest, facts.model.version], [outputs.imageDigest, '7']);
  });

  it('makes the same image on Node 20 and 24', async () => {
    const runs = await Promise.all((['20', '24'] as const).map((node) => run({}, { node })));
    const digests = runs.map((each) => succeeded(each).outputs.imageDigest);
    assert.equal(digests[0], digests[1]);
  });

  it('run again changes nothing and sends nothing', async () => {
    const target = newRepository();
    succeeded(await run({ repository: target }));
    const { outputs } = succeeded(await run({ repository: target }));
    assert.deepEqual([outputs.imageChanged, outputs.bytesSent], ['false', '0']);
  });

  it('sends no model byte when only the app has changed', async () => {
    const target = newRepository();
    const first = succeeded(await run({ repository: target })).outputs;
    const app = join(folder, 'other-app');
    mkdirSync(app, { recursive: true });
    writeFileSync(join(app, 'main.py'), 'print("changed")\n');
    const second = succeeded(await run({ repository: target, appFolder: app })).outputs;
    assert.equal(second.imageChanged, 'true');
    assert.equal(second.modelLayers, first.modelLayers);
    assert.ok(Number(second.bytesSent) < 10_000 && Number(second.bytesReused) > 2_000_000, JSON.stringify(second));
  });

  it('makes tags of templates, refuses what they cannot say, and never moves an immutable one', async () => {
    const target = newRepository();
    const inputs = { repository: target, model: 'digits', version: '1.4.2', immutableTags: 'true' };
    const tags = '{model.name}-{model.version}-{commit:7}, {date}\n{build.id}\nm-{model.digest:12}';
    const variables = { ...VARIABLES, 'Build.BuildId': '4711' };
    const { outputs } = succeeded(await run({ ...inputs, tags }, { variables }));
    const digest = outputs.modelDigest?.slice('sha256:'.length, 'sha256:'.length + 12) ?? '';
    assert.equal(outputs.imageTags, `digits-1.4.2-aaaaaaa,2025-11-24,4711,m-${digest}`);
    for (const tag of outputs.imageTags.split(',')) assert.equal(await tagOf(target, tag), outputs.imageDigest);
    failed(await run({ ...inputs, env: 'NEW=1', tags: '4711' }), 'TAG_EXISTS', /4711.*immutableTags/);
    failed(await run({ ...inputs, tags: '{model.colour}' }), 'TAG_TEMPLATE_INVALID', /model\.colour.*\{model\.name\}/);
    failed(
      await run({ tags: 'v{model.version}' }),
      'TAG_TEMPLATE_INVALID',
      /\{model\.version\}, and this run has none/,
    );
    failed(await run({ ...inputs, version: '1.0+gpu', tags: '{model.version}' }), 'TAG_INVALID', /1\.0\+gpu/);
  });

  it('compresses, gives an owner, and takes a base from the disk: the same image on Node 20 and 24', async () => {
    const layout = join(folder, 'base-layout');
    execFileSync('skopeo', [
      'copy',
      '-q',
      '--src-tls-verify=false',
      '--preserve-digests',
      `docker://${host}/${base}:1`,
      `oci:${layout}:1`,
    ]);
    const inputs = {
      baseImage: `oci:${layout}:1`,
      modelCompression: 'gzip',
      owner: '1000:1000',
      stopSignal: 'sigint',
      healthCheck: '--interval=30s CMD curl -f http://localhost/',
      annotations: 'a.b=c',
    };
    const runs = await Promise.all((['20', '24'] as const).map((node) => run(inputs, { node })));
    const [one, other] = runs.map((each) => succeeded(each).outputs);
    assert.equal(one?.imageDigest, other?.imageDigest);
    assert.equal(one?.baseDigest, baseDigest);
    const zstd = { ...inputs, modelCompression: 'zstd' };
    failed(await run(zstd, { node: '20' }), 'COMPRESSION_UNSUPPORTED', /Node\.js 20/);
    const { outputs, attachments } = succeeded(await run(zstd, { node: '24' }));
    const { layers } = JSON.parse(attachments[0]?.content ?? '{}') as {
      layers: { group: string; compression: string }[];
    };
    assert.deepEqual(
      layers.flatMap(({ group, compression }) => (group === 'base' ? [] : [[group, compression]])),
      [
        ['model', 'zstd'],
        ['app', 'gzip'],
      ],
    );
    assert.notEqual(outputs.imageDigest, one.imageDigest);
  });

  it('takes model layers over from another repository of the registry', async () => {
    const first = newRepository();
    succeeded(await run({ repository: first }));
    const { outputs } = succeeded(await run({ mountFrom: first.slice(first.indexOf('/') + 1) }));
    assert.ok(Number(outputs.bytesSent) < 10_000, JSON.stringify(outputs));
    failed(await run({ mountFrom: 'elsewhere.example.com/app' }), 'INPUT_INVALID', /mountFrom.*elsewhere/);
  });

  it('says of itself nothing that is true of its base alone, and keeps what else the base says', async () => {
    const name = `bundle/${randomUUID()}/labelled`;
    const ofBase = { version: '22.04', revision: 'b', source: 'https://example.com/base', 'ref.name': 'ubuntu' };
    const standard = { ...ofBase, 'base.name': 'example.com/below:1', 'base.digest': `sha256:${'1'.repeat(64)}` };
    const Labels = {
      ...Object.fromEntries(Object.entries(standard).map(([key, value]) => [`org.opencontainers.image.${key}`, value])),
      'org.opencontainers.image.vendor': 'us',
      team: 'base',
      'model-delivery.model.name': 'old',
      'model-delivery.model.version': '1',
      'model-delivery.model.uri': 'x:',
    };
    await pushBaseImage(repository(name), '1', { config: { config: { Labels } } });
    // In a folder under no name: nobody can say which image it is.
    const baseImage = `oci:${join(folder, 'labelled')}`;
    execFileSync('skopeo', ['copy', '--src-tls-verify=false', `docker://${host}/${name}:1`, baseImage]);
    const labelsWith = async (inputs: Readonly<Record<string, string>>): Promise<Record<string, string>> => {
      const target = newRepository();
      succeeded(await run({ repository: target, baseImage, ...inputs }, { variables: { SOURCE_DATE_EPOCH: '0' } }));
      const source = `docker://${target}:latest`;
      const inspected = execFileSync('skopeo', ['inspect', '--config', '--tls-verify=false', source]).toString();
      return (JSON.parse(inspected) as { config: { Labels: Record<string, string> } }).config.Labels;
    };
    const kept = {
      'org.opencontainers.image.vendor': 'us',
      team: 'base',
      'org.opencontainers.image.created': '1970-01-01T00:00:00Z',
      'org.opencontainers.image.version': 'latest',
    };
    const model = Object.fromEntries(Object.entries(Labels).filter(([key]) => key.startsWith('model-delivery.')));
    assert.deepEqual(await labelsWith({ modelSource: 'none' }), { ...kept, ...model }, 'the model of the base stays');
    const { 'model-delivery.model.digest': digest = '', ...labels } = await labelsWith({ model: 'digits' });
    assert.match(digest, /^sha256:/);
    const described = Object.entries(labels).filter(([key]) => !/\.model\.(?:content|packing|layers)$/.test(key));
    assert.deepEqual(Object.fromEntries(described), { ...kept, 'model-delivery.model.name': 'digits' });
  });

  it('warns of a target that takes a folder of the base away from its users', async () => {
    const told = async (inputs: Readonly<Record<string, string>>): Promise<readonly string[]> =>
      succeeded(await run(inputs)).issues.map(({ message }) => message);
    const warnings = await told({ modelTarget: '/home/app/model', appTarget: '/opt/app' });
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0] ?? '',
      /modelTarget is \/home\/app\/model: in the image \/home\/app becomes.*\/opt\/model/,
    );
    assert.match((await told({ appTarget: '/tmp/app' })).join(), /appTarget.* \/tmp becomes/);
    assert.deepEqual(await told({ appTarget: '/home/app', modelTarget: '/homes/app/model', owner: '1000' }), []);
  });

  it('takes names without a registry as those of the connection, and its credentials', async () => {
    const secured = await startHtpasswdRegistry();
    try {
      const connection = connectionTo(secured, secured.password);
      const inputs = { repository: 'team/app', registryConnection: 'shop', modelSource: 'none' };
      const { outputs } = succeeded(await run(inputs, { connections: [connection] }));
      assert.match(outputs.image ?? '', new RegExp(`^${secured.host}/team/app@sha256:`));
      const wrong = await run(inputs, { connections: [connectionTo(secured, 'wrong-password')] });
      failed(
        wrong,
        'REGISTRY_UNAUTHORIZED',
        new RegExp(`${secured.host} did not accept the credentials of ${secured.username}`),
      );
      assert.ok(!wrong.log.includes('wrong-password'));
      failed(await run({ repository: `${secured.host}/team/app` }), 'REGISTRY_UNAUTHORIZED', /wants credentials/);
      const elsewhere = { ...inputs, repository: `${host}/team/app` };
      failed(await run(elsewhere, { connections: [connection] }), 'INPUT_INVALID', /registryConnection/);
    } finally {
      await secured.stop();
    }
  });

  for (const [what, inputs, code, names] of [
    ['a base image that is not there', { baseImage: 'HOST/no/such:1' }, 'IMAGE_NOT_FOUND', /no\/such:1/],
    ['a platform that the base has not', { platforms: 'linux/riscv64' }, 'PLATFORM_NOT_FOUND', /linux\/amd64/],
    ['a tag that is none', { tags: 'a tag' }, 'TAG_INVALID', /"a tag"/],
    ['a repository that is none', { repository: 'HOST/Team/App' }, 'IMAGE_NAME_INVALID', /Team\/App/],
    ['an app folder that is not there', { appFolder: '/no/such/app' }, 'APP_FOLDER_NOT_FOUND', /no\/such\/app/],
    [
      'a model folder that is not there',
      { modelFolder: '/no/such/model' },
      'MODEL_FOLDER_NOT_FOUND',
      /no\/such\/model/,
    ],
    ['a target in the system', { modelTarget: '/proc/model' }, 'TARGET_INVALID', /\/proc\/model/],
    ['a target that climbs', { modelTarget: '/model/../etc' }, 'TARGET_INVALID', /\.\./],
    ['a command with half a quote', { command: 'python3 "app.py' }, 'COMMAND_INVALID', /command/],
    ['a health check that is none', { healthCheck: 'curl localhost' }, 'HEALTH_CHECK_INVALID', /healthCheck/],
    ['a stop signal that is none', { stopSignal: 'please' }, 'INPUT_INVALID', /stopSignal/],
    ['an owner by name', { owner: 'app:app' }, 'INPUT_INVALID', /owner/],
    ['a base archive that is not there', { baseImage: 'docker-archive:/no/base.tar' }, 'IMAGE_NOT_FOUND', /base\.tar/],
    ['a port that is none', { ports: '80000' }, 'PORT_INVALID', /80000/],
    ['nothing to add', { appFolder: '', modelSource: 'none' }, 'NOTHING_TO_ADD', /neither/],
    [
      'a registry that is not there',
      { repository: '127.0.0.1:9/a' },
      'REGISTRY_UNREACHABLE',
      /127\.0\.0\.1:9.*ECONNREFUSED/,
    ],
  ] as const) {
    it(`refuses ${what}, and leaves the tag as it was`, async () => {
      const target = newRepository();
      const before = succeeded(await run({ repository: target, modelSource: 'none' })).outputs.imageDigest;
      const placed = Object.fromEntries(
        Object.entries(inputs).map(([name, value]) => [name, value.replace('HOST', host)]),
      );
      failed(await run({ repository: target, ...placed }), code, names);
      assert.equal(await tagOf(target), before);
    });
  }

  it('makes the same image of a model that lies within the app as of one beside it', async () => {
    const app = mkdtempSync(join(folder, 'around-'));
    cpSync(join(folder, 'app'), app, { recursive: true });
    cpSync(join(folder, 'model'), join(app, 'models', 'current'), { recursive: true });
    mkdirSync(join(folder, 'app', 'models'));
    try {
      for (const modelTarget of ['/model', '/app/models/current']) {
        const beside = succeeded(await run({ modelTarget }));
        const within = succeeded(await run({ modelTarget, appFolder: app, modelFolder: join(app, 'models/current') }));
        assert.equal(within.outputs.imageDigest, beside.outputs.imageDigest);
        assert.match(
          within.log,
          new RegExp(`without its folder models/current: the model in it goes to ${modelTarget}`),
        );
      }
    } finally {
      rmSync(join(folder, 'app', 'models'), { recursive: true });
    }
  });

  it('refuses an app that would hide the model in the image', async () => {
    const app = mkdtempSync(join(folder, 'over-'));
    const inputs = { appFolder: app, modelTarget: '/app/model' };
    writeFileSync(join(app, 'main.py'), 'print("hello")\n');
    mkdirSync(join(app, 'model'));
    writeFileSync(join(app, 'model', '__init__.py'), '');
    succeeded(await run(inputs));
    writeFileSync(join(app, 'model', 'weights.npz'), 'of last year');
    failed(
      await run(inputs),
      'MODEL_HIDDEN',
      /in \/app\/model\. The path "app\/model\/weights\.npz" .* twice.*dockerignore/,
    );
    rmSync(join(app, 'model'), { recursive: true });
    symlinkSync('../data', join(app, 'model'));
    failed(await run(inputs), 'MODEL_HIDDEN', /"app\/model" .* symlink/);
    writeFileSync(join(app, '.dockerignore'), 'model\n');
    succeeded(await run(inputs));
  });

  it('refuses an app folder and a model folder that hold nothing', async () => {
    const empty = mkdtempSync(join(folder, 'empty-'));
    failed(await run({ appFolder: empty }), 'APP_FOLDER_EMPTY', /empty-/);
    failed(await run({ modelFolder: empty }), 'MODEL_EMPTY', /empty-/);
  });

  function connectionTo({ host, username }: TestRegistry, password: string): Connection {
    const parameters = { registry: `http://${host}/v1/`, username, password };
    return { name: 'shop', type: 'dockerregistry', authorization: { scheme: 'UsernamePassword', parameters } };
  }
});
