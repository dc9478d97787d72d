import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { buildImage } from '../../../lib/docker/build-image.ts';
import { type DockerCli, type Environment, findDocker } from '../../../lib/docker/docker-cli.ts';
import { describeEngine, type Engine } from '../../../lib/docker/engine.ts';
import type { ImageBuild } from '../../../lib/docker/image-build.ts';
import { withPrivateFolder } from '../../../lib/docker/private-folder.ts';
import { stageContext } from '../../../lib/docker/staged-context.ts';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { ensureBusyboxImage } from '../../support/busybox-image.ts';
import { SmallDisk } from '../../support/small-disk.ts';

const NEVER = new AbortController().signal;

/** The builders that one machine can have: docker's own choice, the classic one, and the engine's BuildKit. */
const BUILDERS: readonly (readonly [string, Environment])[] = [
  ['the builder that docker chooses', {}],
  ['the classic builder', { DOCKER_BUILDKIT: '0' }],
  ["Debian's docker", { PATH: ['/usr/bin', process.env.PATH].join(delimiter) }],
];

for (const [name, variables] of BUILDERS) {
  describe(`a Dockerfile, built by ${name}`, function () {
    this.timeout('120s');
    let folder = '';
    let registry = '';
    let from = '';
    let docker: DockerCli;
    let engine: Engine;
    before(async function () {
      this.timeout('10m');
      const services = await ensureServices(['registry', 'docker']);
      registry = services.registry.host;
      from = await ensureBusyboxImage(services, '1');
      folder = mkdtempSync(join(tmpdir(), 'dockerfile-'));
      docker = await findDocker({ ...process.env, DOCKER_HOST: services.docker.host, ...variables });
      engine = await describeEngine(docker, NEVER);
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const ask = (...args: readonly string[]): string =>
      execFileSync('docker', args, {
        encoding: 'utf8',
        env: { ...process.env, DOCKER_HOST: docker.variable('DOCKER_HOST') },
      });
    const leftovers = (): string =>
      ask('images', '--quiet', 'model-delivery-build') + ask('ps', '--all', '--quiet', '--filter', 'label=leftover');
    /** Whether a container is left whose command holds a mark; the engine may run others meanwhile. */
    const hasContainer = (mark: string): boolean => ask('ps', '--all', '--no-trunc').includes(mark);

    /** Builds a Dockerfile in a folder of its own. */
    const build = async (
      dockerfile: string,
      rest: Partial<ImageBuild> = {},
      {
        signal = NEVER,
        onLine = (): void => undefined,
      }: { signal?: AbortSignal; onLine?: (line: string) => void } = {},
    ): Promise<string> => {
      const context = mkdtempSync(join(folder, 'context-'));
      writeFileSync(join(context, 'app.txt'), 'the app\n');
      writeFileSync(join(context, 'Dockerfile'), `${dockerfile.replaceAll('BASE', from)}\n`);
      return buildImage(
        {
          dockerfile: join(context, 'Dockerfile'),
          context,
          arguments: {},
          target: undefined,
          secrets: new Map(),
          platforms: [],
          cacheFrom: [],
          cacheTo: [],
          ...rest,
        },
        { docker, engine, folder: context, created: new Date(0), onLine, signal },
      );
    };
    const failure = async (building: Promise<unknown>): Promise<DeliveryError> => {
      const error = await building.then(
        () => assert.fail('the build succeeded'),
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof DeliveryError, String(error));
      return error;
    };
    /** A file of the built image, as a container sees it. */
    const fileIn = (archive: string, path: string): string => {
      const loaded = ask('load', '--input', archive);
      const image = /(?:image|ID): (\S+)/.exec(loaded)?.[1] ?? '';
      try {
        return ask('run', '--rm', image, 'cat', path);
      } finally {
        ask('image', 'rm', '--force', image);
      }
    };

    it('becomes an archive, with its arguments, and leaves no name in the engine', async () => {
      const file = await build('ARG WHO=nobody\nFROM BASE AS first\nARG WHO\nRUN echo "hello $WHO" > /hello', {
        arguments: { WHO: 'a b' },
      });
      assert.equal(fileIn(file, '/hello'), 'hello a b\n');
      assert.equal(leftovers(), '');
    });

    it('is built up to the stage that is wanted', async () => {
      const dockerfile =
        'FROM BASE AS one\nRUN echo one > /stage\nFROM BASE AS two\nCOPY --from=one /stage /stage\nRUN echo two >> /stage';
      assert.equal(fileIn(await build(dockerfile), '/stage'), 'one\ntwo\n');
      assert.equal(fileIn(await build(dockerfile, { target: 'one' }), '/stage'), 'one\n');
      assert.equal((await failure(build(dockerfile, { target: 'three' }))).code, 'BUILD_TARGET_NOT_FOUND');
    });

    it('reads secrets that stay out of the image, or says that this needs BuildKit', async () => {
      const secret = join(folder, 'secret');
      writeFileSync(secret, 'hunter2');
      const dockerfile = `# ${randomUUID()}\nFROM BASE\nRUN --mount=type=secret,id=pip test -s /run/secrets/pip && echo ok > /ok`;
      const building = build(dockerfile, { secrets: new Map([['pip', secret]]) });
      if (engine.builder === 'classic') {
        const { code, message } = await failure(building);
        assert.equal(code, 'BUILDKIT_MISSING');
        assert.match(message, /buildSecrets/);
      } else {
        const file = await building;
        assert.ok(!readFileSync(file).includes('hunter2'));
        assert.equal(fileIn(file, '/ok'), 'ok\n');
      }
    });

    it('fails with the step, its exit code and its last lines, and leaves no container', async () => {
      const mark = randomUUID();
      const command = `echo one >&2; echo ${mark} >&2; false`;
      const { code, message } = await failure(build(`FROM BASE\nRUN ${command}`));
      assert.equal(code, 'DOCKER_BUILD_FAILED');
      assert.match(message, new RegExp(`Step \\[2/2\\] RUN ${command} of .*Dockerfile failed with exit code 1`));
      assert.match(message, new RegExp(`one \\| ${mark}`));
      assert.ok(!hasContainer(mark));
      assert.equal(leftovers(), '');
    });

    it('tells a wrong line, a missing file, a missing base and a missing Dockerfile apart', async () => {
      const wrong = await failure(build('FROM BASE\nRUNN a'));
      assert.equal(wrong.code, 'DOCKERFILE_INVALID');
      assert.match(wrong.message, /Dockerfile cannot be read: line 2: unknown instruction: RUNN/);
      const file = await failure(build('FROM BASE\nCOPY nothing.txt /'));
      assert.equal(file.code, 'DOCKER_BUILD_FAILED');
      assert.match(file.message, /COPY nothing\.txt \/.*nothing/);
      const base = await failure(build(`FROM ${registry}/no/such:1`));
      assert.equal(base.code, 'DOCKER_PULL_FAILED', base.message);
      assert.match(base.message, /no\/such:1/);
      assert.equal((await failure(build('', { dockerfile: '/no/Dockerfile' }))).code, 'DOCKERFILE_NOT_FOUND');
      assert.equal((await failure(build('', { context: '/no/context' }))).code, 'BUILD_CONTEXT_NOT_FOUND');
      assert.equal((await failure(build(''))).code, 'DOCKERFILE_INVALID');
    });

    it('says beforehand what the builder cannot do', async () => {
      const two = await failure(build('FROM BASE', { platforms: ['linux/amd64', 'linux/arm64'] }));
      assert.equal(two.code, 'BUILDKIT_MISSING');
      if (engine.builder === 'buildx') return;
      assert.equal((await failure(build('FROM BASE', { cacheTo: ['type=inline'] }))).code, 'BUILDKIT_MISSING');
    });

    it('stops when it is told to, and leaves neither container nor name', async () => {
      const cancel = new AbortController();
      const reason = new DeliveryError('CANCELLED', { message: 'cancelled', remedy: 'again' });
      const mark = randomUUID();
      const building = build(
        `FROM BASE\nRUN echo started ${mark}; sleep 60`,
        {},
        {
          signal: cancel.signal,
          // The step's own output, not the line that announces it.
          onLine: (line) => {
            if (line.includes('started') && !line.includes('RUN')) cancel.abort(reason);
          },
        },
      );
      const started = Date.now();
      assert.equal(await failure(building), reason);
      assert.ok(Date.now() - started < 20_000);
      for (let tries = 0; tries < 20 && hasContainer(mark); tries += 1) await delay(250);
      assert.ok(!hasContainer(mark));
      assert.equal(leftovers(), '');
    });
  });
}

describe('docker', function () {
  this.timeout('60s');
  const folder = mkdtempSync(join(tmpdir(), 'docker-test-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is found, or said to be missing', async () => {
    await assert.rejects(findDocker({ PATH: folder }), { code: 'DOCKER_MISSING' });
  });

  it('is said to be out of reach where no engine answers', async () => {
    const docker = await findDocker({ ...process.env, DOCKER_HOST: `unix://${folder}/none.sock` });
    await assert.rejects(describeEngine(docker, NEVER), (error: DeliveryError) => {
      assert.equal(error.code, 'DOCKER_UNREACHABLE');
      assert.match(error.message, /none\.sock/);
      return true;
    });
  });

  it('reads logins from a folder that only this run can read and that is gone afterwards', async () => {
    const own = join(folder, 'own');
    mkdirSync(join(own, 'cli-plugins'), { recursive: true });
    writeFileSync(join(own, 'config.json'), '{"psFormat":"x"}');
    const login = { registry: 'shop.example', username: 'me', password: 'hunter2' };
    let seen = '';
    const using = withPrivateFolder(folder, { logins: [login], env: { DOCKER_CONFIG: own } }, ({ path, env }) => {
      seen = path;
      const config = env.DOCKER_CONFIG ?? '';
      assert.deepEqual(readdirSync(config).sort(), ['cli-plugins', 'config.json']);
      assert.equal(statSync(path).mode & 0o777, 0o700);
      assert.equal(statSync(join(config, 'config.json')).mode & 0o777, 0o600);
      const { auths, psFormat } = JSON.parse(readFileSync(join(config, 'config.json'), 'utf8')) as Record<
        string,
        unknown
      >;
      assert.deepEqual([Object.keys(auths as object), psFormat], [['shop.example'], 'x']);
      return Promise.reject(new Error('the build failed'));
    });
    await assert.rejects(using, /the build failed/);
    assert.throws(() => statSync(seen), { code: 'ENOENT' });
    assert.deepEqual(readdirSync(own).sort(), ['cli-plugins', 'config.json']);
  });

  it('reads what the user has set up also on Windows, where nobody may link to a file', async () => {
    const own = join(folder, 'of-windows');
    mkdirSync(join(own, 'contexts'), { recursive: true });
    writeFileSync(join(own, 'contexts', 'meta.json'), 'context');
    writeFileSync(join(own, 'ca.pem'), 'certificate');
    const setup = { logins: [], env: { DOCKER_CONFIG: own }, platform: 'win32' } as const;
    await withPrivateFolder(folder, setup, ({ env }) => {
      const config = env.DOCKER_CONFIG ?? '';
      assert.equal(readFileSync(join(config, 'contexts', 'meta.json'), 'utf8'), 'context');
      assert.equal(readFileSync(join(config, 'ca.pem'), 'utf8'), 'certificate');
      assert.ok(!lstatSync(join(config, 'ca.pem')).isSymbolicLink());
      return Promise.resolve();
    });
    assert.deepEqual(readdirSync(own), ['ca.pem', 'contexts']);
  });

  it('gets a context with the model in it, made of links', async () => {
    const [context, model] = [join(folder, 'context'), join(folder, 'elsewhere')];
    for (const path of [join(context, 'src'), join(model, 'blobs')]) mkdirSync(path, { recursive: true });
    writeFileSync(join(context, 'src', 'app.py'), 'app');
    symlinkSync('app.py', join(context, 'src', 'link.py'));
    writeFileSync(join(folder, 'weights'), 'weights');
    symlinkSync(join(folder, 'weights'), join(model, 'weights.bin'));
    const staged = join(folder, 'staged');
    await stageContext(context, model, staged, NEVER);
    assert.equal(readFileSync(join(staged, 'model', 'weights.bin'), 'utf8'), 'weights');
    assert.equal(statSync(join(staged, 'model', 'weights.bin')).ino, statSync(join(folder, 'weights')).ino);
    assert.equal(statSync(join(staged, 'src', 'link.py')).ino, statSync(join(context, 'src', 'app.py')).ino);
    await assert.rejects(stageContext(staged, model, join(folder, 'again'), NEVER), { code: 'MODEL_FOLDER_TAKEN' });
  });

  it('gets no context with a model that is gone, or that its disk has no room for', async function () {
    const [context, model, small] = ['plain', 'large', 'small'].map((name) => join(folder, name));
    assert.ok(context !== undefined && model !== undefined && small !== undefined);
    for (const path of [context, model, small]) mkdirSync(path);
    writeFileSync(join(model, 'weights.bin'), Buffer.alloc(2 * 1024 * 1024));
    const gone = join(folder, 'gone');
    const missing = stageContext(context, gone, join(folder, 'no-model'), NEVER);
    await assert.rejects(missing, { code: 'SOURCE_UNREADABLE', message: new RegExp(`^${gone} cannot go into`) });
    const disk = SmallDisk.mount(small, 1);
    if (disk === undefined) this.skip();
    try {
      const staged = join(small, 'staged');
      await assert.rejects(stageContext(context, model, staged, NEVER), { code: 'DISK_FULL', message: /model/ });
    } finally {
      disk.unmount();
    }
  });
});
