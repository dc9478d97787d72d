import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { parseRepositoryName } from '../../../lib/oci/image-name.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { ensureBusyboxImage } from '../../support/busybox-image.ts';
import { dockerCommand } from '../../support/docker-command.ts';
import { ensureImageInspectors } from '../../support/image-inspectors.ts';
import {
  failed,
  runTaskProcess,
  succeeded,
  type TaskProcessOptions,
  type TaskProcessResult,
} from '../../support/packed-task.ts';
import { startHtpasswdRegistry } from '../../support/test-registry.ts';

const NEVER = new AbortController().signal;
const dispatcher = createDispatcher();

describe('BundleModelImage, from a Dockerfile', function () {
  this.timeout('180s');
  let registry = '';
  let engine = '';
  let folder = '';
  let from = '';
  before(async () => {
    const services = await ensureServices(['registry', 'docker']);
    [registry, engine] = [services.registry.host, services.docker.host];
    await ensureImageInspectors();
    await ensureBusyboxImage(services, '1');
    from = `${registry}/cluster-test/busybox:1`;
    folder = mkdtempSync(join(tmpdir(), 'bundle-dockerfile-'));
    mkdirSync(join(folder, 'model'));
    writeFileSync(join(folder, 'model', 'weights.npz'), randomBytes(2_000_000));
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
    return dispatcher.destroy();
  });

  const newRepository = (): string => `${registry}/bundle/${randomUUID()}`;
  const docker = (...args: readonly string[]): string => dockerCommand(engine, args);
  const tagOf = (name: string): Promise<string | undefined> => {
    const parsed = parseRepositoryName(name);
    const client = new RegistryClient({ registry: parsed.registry, dispatcher });
    return new Repository(client, parsed, 'pull').digestOfTag('latest', NEVER);
  };
  const inspect = (image: string, what: '--raw' | '--config'): unknown =>
    JSON.parse(
      execFileSync('skopeo', ['inspect', what, '--tls-verify=false', `docker://${image}`], { encoding: 'utf8' }),
    );
  const layersOf = (image: string): readonly string[] =>
    (inspect(image, '--raw') as { layers: readonly { digest: string }[] }).layers.map(({ digest }) => digest);
  const labelsOf = (image: string): Readonly<Record<string, string>> =>
    (inspect(image, '--config') as { config: { Labels: Readonly<Record<string, string>> } }).config.Labels;
  /** What a command in a container of the image prints. */
  const inContainer = (image: string, ...command: readonly string[]): string => {
    try {
      return docker('run', '--rm', image, ...command);
    } finally {
      docker('image', 'rm', '--force', image);
    }
  };

  /** An app with this Dockerfile, in a folder of its own; `BASE` and `REGISTRY` stand for those of this test. */
  const app = (dockerfile: string, files: Readonly<Record<string, string>> = {}): string => {
    const context = mkdtempSync(join(folder, 'app-'));
    writeFileSync(
      join(context, 'Dockerfile'),
      `${dockerfile.replaceAll('BASE', from).replaceAll('REGISTRY', registry)}\n`,
    );
    writeFileSync(join(context, 'app.txt'), 'the app\n');
    for (const [name, content] of Object.entries(files)) writeFileSync(join(context, name), content);
    return context;
  };
  const run = (
    inputs: Readonly<Record<string, string>>,
    { variables = {}, ...rest }: Partial<TaskProcessOptions> = {},
  ): Promise<TaskProcessResult> =>
    runTaskProcess({
      task: 'BundleModelImage',
      inputs: {
        builder: 'dockerfile',
        repository: newRepository(),
        tags: 'latest',
        modelFolder: join(folder, 'model'),
        model: 'digits',
        version: '7',
        ...inputs,
      },
      variables: { SOURCE_DATE_EPOCH: '1764000000', DOCKER_HOST: engine, ...variables },
      ...rest,
    });
  const warnings = ({ issues }: TaskProcessResult): string =>
    issues.flatMap(({ type, message }) => (type === 'warning' ? [message] : [])).join('\n');

  for (const node of ['24', '20'] as const) {
    it(`builds the app, adds the model, and the image runs with both: Node ${node}`, async () => {
      const target = newRepository();
      const buildContext = app('ARG WHO\nFROM BASE\nCOPY app.txt /app/\nARG WHO\nRUN echo "$WHO" > /app/who');
      const { outputs, log } = succeeded(
        await run({ repository: target, buildContext, buildArguments: 'WHO=me', workingDirectory: '/app' }, { node }),
      );
      assert.match(log, /##\[group\]Building .*Dockerfile with Docker/);
      const image = outputs.image ?? '';
      assert.equal(image, `${target}@${(await tagOf(target)) ?? ''}`);
      const [layers, labels] = [layersOf(image), labelsOf(image)];
      assert.equal(layers.at(-1), outputs.modelLayers);
      // The layers of the base are those that its registry knows, so they were taken over inside it.
      assert.equal(layers[0], layersOf(from)[0]);
      assert.equal(labels['org.opencontainers.image.base.name'], from);
      assert.equal(labels['org.opencontainers.image.base.digest'], outputs.baseDigest);
      assert.equal(labels['model-delivery.model.version'], '7');
      assert.ok(Number(outputs.bytesSent) < 2_100_000, outputs.bytesSent);
      const printed = inContainer(image, 'sh', '-c', 'pwd; cat app.txt who; test -s /model/weights.npz && echo model');
      assert.equal(printed, '/app\nthe app\nme\nmodel\n');
      assert.equal(docker('images', '--quiet', 'model-delivery-build'), '');
    });
  }

  it('run again changes nothing and sends nothing, where the engine has kept its cache', async () => {
    const [repository, buildContext] = [newRepository(), app('FROM BASE\nCOPY app.txt /app/\nRUN date > /app/date')];
    succeeded(await run({ repository, buildContext }));
    const { outputs } = succeeded(await run({ repository, buildContext }));
    assert.deepEqual([outputs.imageChanged, outputs.bytesSent], ['false', '0']);
  });

  it('sends no model byte when only the app has changed', async () => {
    const repository = newRepository();
    const first = succeeded(await run({ repository, buildContext: app('FROM BASE\nCOPY app.txt /app/') })).outputs;
    const other = app('FROM BASE\nCOPY app.txt /other/');
    const second = succeeded(await run({ repository, buildContext: other })).outputs;
    assert.equal(second.modelLayers, first.modelLayers);
    assert.ok(Number(second.bytesSent) < 20_000, second.bytesSent);
  });

  it('gives secrets to steps, and they are nowhere: not in the log, on a command line, in the image or left in a file', async () => {
    const secret = `hunter2-${randomUUID()}`;
    const temporary = mkdtempSync(join(folder, 'temp-'));
    // BuildKit keeps a step whatever its secrets are: only a new one runs for sure.
    const steps = `: ${randomUUID()}; test -s /run/secrets/pip && touch /had-it; echo reading; sleep 2`;
    const commandLines: string[] = [];
    const result = await run(
      {
        buildContext: app(`FROM BASE\nRUN --mount=type=secret,id=pip ${steps}`),
        buildSecrets: `pip=${secret}`,
        modelSource: 'none',
      },
      {
        // Debian's docker speaks to the engine's BuildKit even where no plugin is installed.
        variables: { PATH: ['/usr/bin', process.env.PATH ?? ''].join(delimiter), 'Agent.TempDirectory': temporary },
        onLine: (line) => {
          if (line.endsWith('reading')) commandLines.push(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }));
        },
      },
    );
    assert.ok(!result.log.includes(secret));
    assert.deepEqual(
      readdirSync(temporary).filter((name) => name.startsWith('docker-')),
      [],
    );
    if (result.result === 'Failed') {
      failed(result, 'BUILDKIT_MISSING', /buildSecrets/);
      return;
    }
    assert.match(commandLines.join('\n'), /--secret id=pip,src=/);
    assert.ok(!commandLines.join('\n').includes(secret));
    const image = result.outputs.image ?? '';
    assert.ok(!JSON.stringify(inspect(image, '--config')).includes(secret));
    assert.equal(inContainer(image, 'test', '-e', '/had-it'), '');
  });

  it('warns of build arguments that look like secrets or are some', async () => {
    const inputs = { buildContext: app('FROM BASE'), modelSource: 'none' };
    const variables = { mySecret: { value: 'correct horse', secret: true } } as const;
    const buildArguments = 'NPM_TOKEN=abc\nPLAIN=x correct horse\nFINE=1';
    const told = warnings(succeeded(await run({ ...inputs, buildArguments }, { variables })));
    assert.match(told, /NPM_TOKEN looks like a secret/);
    assert.match(told, /PLAIN holds the value of a secret variable/);
    assert.doesNotMatch(told, /FINE/);
  });

  it('warns of a model that lies in the build context and is not ignored', async () => {
    const within = (files: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
      const buildContext = app('FROM BASE\nCOPY app.txt /app/', files);
      mkdirSync(join(buildContext, 'models', 'digits'), { recursive: true });
      writeFileSync(join(buildContext, 'models', 'digits', 'weights'), randomBytes(1_000_000));
      return { buildContext, modelFolder: join(buildContext, 'models', 'digits') };
    };
    assert.match(warnings(succeeded(await run(within({})))), /model \(979 KiB\).*models\/digits into \.dockerignore/);
    assert.equal(warnings(succeeded(await run(within({ '.dockerignore': 'models\n' })))), '');
  });

  it('lets a Dockerfile copy the model itself, from wherever it lies, and adds nothing', async () => {
    const buildContext = app('FROM BASE\nCOPY model/ /opt/model/');
    const { outputs } = succeeded(await run({ buildContext, modelInContext: 'true' }));
    assert.deepEqual([outputs.modelLayers, outputs.modelVersion], ['', '7']);
    assert.match(outputs.modelDigest ?? '', /^sha256:/);
    const there = ['sh', '-c', 'test -s /opt/model/weights.npz && echo yes; test -e /model || echo no'];
    assert.equal(inContainer(outputs.image ?? '', ...there), 'yes\nno\n');
    assert.deepEqual(readdirSync(buildContext).sort(), ['Dockerfile', 'app.txt']);

    const inside = app('FROM BASE\nCOPY weights/ /w/');
    mkdirSync(join(inside, 'weights'));
    writeFileSync(join(inside, 'weights', 'w.bin'), 'weights');
    const own = succeeded(
      await run({ buildContext: inside, modelFolder: join(inside, 'weights'), modelInContext: 'true' }),
    );
    assert.equal(inContainer(own.outputs.image ?? '', 'cat', '/w/w.bin'), 'weights');
  });

  it('pulls private images with the connection, and tells where it lacks the right', async () => {
    const secured = await startHtpasswdRegistry();
    const { host, username, password } = secured;
    try {
      const image = `${host}/base/busybox:1`;
      execFileSync('skopeo', [
        ...['copy', '-q', '--src-tls-verify=false', '--dest-tls-verify=false'],
        ...['--dest-creds', `${username}:${password}`, `docker://${from}`, `docker://${image}`],
      ]);
      const connection = (secret: string) => ({
        ...({ name: 'shop', type: 'dockerregistry' } as const),
        authorization: {
          scheme: 'UsernamePassword',
          parameters: { registry: `http://${host}/v1/`, username, password: secret },
        },
      });
      const inputs = { buildContext: app(`FROM ${image}\nCOPY app.txt /`), baseRegistryConnection: 'shop' };
      const wrong = await run(inputs, { connections: [connection('wrong-password')] });
      failed(wrong, 'DOCKER_PULL_FAILED', /base\/busybox/);
      const { outputs, log } = succeeded(await run(inputs, { connections: [connection(password)] }));
      assert.ok(!log.includes(password));
      assert.equal(inContainer(outputs.image ?? '', 'cat', '/app.txt'), 'the app\n');
      const push = { repository: `${host}/team/app`, buildContext: app('FROM BASE'), registryConnection: 'shop' };
      failed(await run(push, { connections: [connection('wrong-password')] }), 'REGISTRY_UNAUTHORIZED', /pusher/);
      docker('image', 'rm', '--force', image);
    } finally {
      await secured.stop();
    }
  });

  for (const [what, dockerfile, inputs, code, names] of [
    ['a step that fails', 'FROM BASE\nRUN echo why; exit 3', {}, 'DOCKER_BUILD_FAILED', /\[2\/2\] RUN.*code 3.*why/],
    ['a line that is none', 'FROM BASE\n\nRUNN a', {}, 'DOCKERFILE_INVALID', /line 3: unknown instruction: RUNN/],
    [
      'a Dockerfile that is not there',
      'FROM BASE',
      { dockerfile: 'docker/None' },
      'DOCKERFILE_NOT_FOUND',
      /docker\/None/,
    ],
    ['a context that is not there', 'FROM BASE', { buildContext: '/no/such' }, 'BUILD_CONTEXT_NOT_FOUND', /\/no\/such/],
    ['a stage that is not there', 'FROM BASE', { buildTarget: 'web' }, 'BUILD_TARGET_NOT_FOUND', /"web"/],
    ['a secret without a value', 'FROM BASE', { buildSecrets: 'pip=' }, 'BUILD_SECRET_INVALID', /for pip has no value/],
    ['a base that is not there', 'FROM REGISTRY/no/such:1', {}, 'DOCKER_PULL_FAILED', /no\/such:1/],
  ] as const) {
    it(`refuses ${what}, and leaves the tag as it was`, async () => {
      const repository = newRepository();
      failed(await run({ repository, buildContext: app(dockerfile), ...inputs }), code, names);
      assert.equal(await tagOf(repository), undefined);
    });
  }

  it('says that the engine does not answer, or that there is no docker', async () => {
    const inputs = { buildContext: app('FROM BASE') };
    const nobody = { DOCKER_HOST: 'unix:///no/such.sock' };
    failed(await run(inputs, { variables: nobody }), 'DOCKER_UNREACHABLE', /\/no\/such\.sock/);
    failed(await run(inputs, { variables: { PATH: folder } }), 'DOCKER_MISSING', /no docker program/);
  });

  it('stops in the middle of a build, and leaves no container, name or folder', async () => {
    const [mark, repository, cancel] = [randomUUID(), newRepository(), new AbortController()];
    const temporary = mkdtempSync(join(folder, 'temp-'));
    const buildContext = app(`FROM BASE\nRUN echo started ${mark}; sleep 60`);
    const started = Date.now();
    const result = await run(
      { repository, buildContext },
      {
        signal: cancel.signal,
        variables: { 'Agent.TempDirectory': temporary },
        onLine: (line) => {
          if (line.includes('started') && !line.includes('RUN')) cancel.abort();
        },
      },
    );
    assert.notEqual(result.result, 'Succeeded');
    assert.ok(Date.now() - started < 30_000);
    assert.deepEqual(
      readdirSync(temporary).filter((name) => name.startsWith('docker-')),
      [],
    );
    // The engine takes a moment to end what nobody waits for any more.
    const lives = (): boolean => docker('ps', '--all', '--no-trunc').includes(mark);
    for (let tries = 0; tries < 40 && lives(); tries += 1) await delay(250);
    assert.ok(!lives());
    assert.equal(docker('images', '--quiet', 'model-delivery-build'), '');
    assert.equal(await tagOf(repository), undefined);
  });
});
