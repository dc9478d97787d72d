import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { parseRepositoryName } from '../../../lib/oci/image-name.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { PLATFORMS, pushBaseImage } from '../../support/base-images.ts';
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

const NEVER = new AbortController().signal;
const dispatcher = createDispatcher();

describe('where BundleModelImage brings an image', function () {
  this.timeout('120s');
  let registry = '';
  let engine = '';
  let base = '';
  let folder = '';
  before(async () => {
    const services = await ensureServices(['registry', 'docker']);
    [registry, engine] = [services.registry.host, services.docker.host];
    await ensureImageInspectors();
    base = await ensureBusyboxImage(services, '1');
    folder = mkdtempSync(join(tmpdir(), 'bundle-output-'));
    mkdirSync(join(folder, 'app'));
    writeFileSync(join(folder, 'app', 'app.txt'), 'the app\n');
    mkdirSync(join(folder, 'model'));
    writeFileSync(join(folder, 'model', 'weights.bin'), randomBytes(300_000));
    writeFileSync(join(folder, 'model', 'labels.txt'), 'zero\none\n');
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
    return dispatcher.destroy();
  });

  const newRepository = (): string => `${registry}/bundle/${randomUUID()}`;
  const docker = (...args: readonly string[]): string => dockerCommand(engine, args);
  const repositoryOf = (name: string): Repository => {
    const parsed = parseRepositoryName(name);
    return new Repository(new RegistryClient({ registry: parsed.registry, dispatcher }), parsed, 'pull,push');
  };
  const run = (
    inputs: Readonly<Record<string, string>>,
    { variables = {}, ...rest }: Partial<TaskProcessOptions> = {},
  ): Promise<TaskProcessResult> =>
    runTaskProcess({
      task: 'BundleModelImage',
      inputs,
      variables: {
        SOURCE_DATE_EPOCH: '1764000000',
        DOCKER_HOST: engine,
        'Build.SourceVersion': 'a'.repeat(40),
        ...variables,
      },
      ...rest,
    });
  const bundle = (
    inputs: Readonly<Record<string, string>>,
    rest: Partial<TaskProcessOptions> = {},
  ): Promise<TaskProcessResult> =>
    run(
      {
        repository: newRepository(),
        tags: '7',
        baseImage: base,
        appFolder: join(folder, 'app'),
        modelFolder: join(folder, 'model'),
        model: 'digits',
        version: '7',
        ...inputs,
      },
      rest,
    );

  describe('with output docker', () => {
    for (const node of ['24', '20'] as const) {
      it(`it runs in the engine, and the registry never hears of it: Node ${node}`, async () => {
        const repository = newRepository();
        const { outputs, summary = '' } = succeeded(
          await bundle({ output: 'docker', repository, tags: '7\ntried' }, { node }),
        );
        assert.equal(outputs.image, `${repository}:7`);
        try {
          const said = docker('run', '--rm', `${repository}:tried`, 'cat', '/app/app.txt', '/model/labels.txt');
          assert.equal(said, 'the app\nzero\none\n');
        } finally {
          docker('image', 'rm', '--force', `${repository}:7`, `${repository}:tried`);
        }
        assert.deepEqual(await repositoryOf(repository).tags(NEVER), []);
        assert.match(summary, /pushed nowhere/);
      });
    }

    it('it has the digest that pushing gives it, so that what was tried out is what ships', async () => {
      const repository = newRepository();
      const tried = succeeded(await bundle({ output: 'docker', repository }));
      docker('image', 'rm', '--force', `${repository}:7`);
      const pushed = succeeded(await bundle({ repository }));
      assert.equal(tried.outputs.imageDigest, pushed.outputs.imageDigest);
    });

    it('of a base for several platforms, it is the one of the engine', async () => {
      const several = `bundle/${randomUUID()}/base`;
      await pushBaseImage(repositoryOf(`${registry}/${several}`), '1', {
        platforms: [PLATFORMS.ARM64, PLATFORMS.AMD64],
      });
      const repository = newRepository();
      succeeded(await bundle({ output: 'docker', repository, baseImage: `${registry}/${several}:1` }));
      try {
        const platform = docker('image', 'inspect', '--format', '{{.Os}}/{{.Architecture}}', `${repository}:7`);
        assert.equal(platform.trim(), docker('version', '--format', '{{.Server.Os}}/{{.Server.Arch}}').trim());
      } finally {
        docker('image', 'rm', '--force', `${repository}:7`);
      }
    });

    it('an engine that does not answer is named, and nothing is left on the agent', async () => {
      const temp = mkdtempSync(join(folder, 'temp-'));
      const variables = { DOCKER_HOST: 'unix:///nowhere.sock', 'Agent.TempDirectory': temp };
      failed(await bundle({ output: 'docker' }, { variables }), 'DOCKER_UNREACHABLE', /nowhere\.sock/);
      assert.deepEqual(
        readdirSync(temp).filter((name) => name.startsWith('docker-')),
        [],
      );
    });
  });

  describe('with output folder', () => {
    it('it is an image layout that others read, with the digest that pushing gives it', async () => {
      const layoutBase = `${registry}/bundle/${randomUUID()}/base`;
      await pushBaseImage(repositoryOf(layoutBase), '1');
      const [outputFolder, repository] = [join(folder, 'layout'), newRepository()];
      const inputs = { baseImage: `${layoutBase}:1`, repository };
      const written = succeeded(await bundle({ ...inputs, output: 'folder', outputFolder }));
      assert.equal(written.outputs.image, `oci:${outputFolder}`);
      execFileSync('skopeo', ['copy', '-q', `oci:${outputFolder}:7`, `dir:${join(folder, 'copied')}`]);
      const inspected = execFileSync('skopeo', ['inspect', `dir:${join(folder, 'copied')}`], { encoding: 'utf8' });
      const { Digest: digest } = JSON.parse(inspected) as { readonly Digest: string };
      assert.equal(digest, written.outputs.imageDigest);
      assert.equal((await bundle(inputs)).outputs.imageDigest, digest);
    });

    it('of a base in the format of Docker it is an archive for docker load as well', async () => {
      const outputFolder = join(folder, 'docker-format');
      succeeded(await bundle({ output: 'folder', outputFolder }));
      const archive = join(folder, 'image.tar');
      execFileSync('tar', ['-cf', archive, '-C', outputFolder, '.']);
      const tags = execFileSync('skopeo', [
        'inspect',
        '--format',
        '{{.Name}} {{len .Layers}}',
        `docker-archive:${archive}`,
      ]);
      assert.match(String(tags), / 3$/m);
    });

    it('one that holds an image already is left as it is', async () => {
      const outputFolder = mkdtempSync(join(folder, 'taken-'));
      writeFileSync(join(outputFolder, 'index.json'), '{}');
      failed(await bundle({ output: 'folder', outputFolder }), 'FOLDER_NOT_EMPTY', /taken-.* holds an image/);
      assert.deepEqual(readdirSync(outputFolder), ['index.json']);
    });
  });

  describe('with action tag', () => {
    const tagOf = (image: string, tag: string): Promise<string | undefined> =>
      repositoryOf(image.replace(/@.*/, '')).digestOfTag(tag, NEVER);

    it('tags point at the image that was tested, and doing it again changes nothing', async () => {
      const { image = '', imageDigest } = succeeded(await bundle({})).outputs;
      const tagged = succeeded(await run({ action: 'tag', image, tags: 'latest, tested-{commit:7}' }));
      assert.equal(tagged.outputs.image, image);
      assert.equal(tagged.outputs.imageChanged, 'true');
      for (const tag of (tagged.outputs.imageTags ?? '').split(',')) {
        assert.equal(await tagOf(image, tag), imageDigest, tag);
      }
      const again = succeeded(await run({ action: 'tag', image, tags: 'latest' }));
      assert.equal(again.outputs.imageChanged, 'false');
    });

    it('an image that is not there leaves the tag where it is', async () => {
      const { image = '', imageDigest } = succeeded(await bundle({ tags: 'latest' })).outputs;
      const missing = image.replace(/[0-9a-f]{64}$/, 'a'.repeat(64));
      failed(await run({ action: 'tag', image: missing, tags: 'latest' }), 'IMAGE_NOT_FOUND', /aaaa does not exist/);
      assert.equal(await tagOf(image, 'latest'), imageDigest);
    });

    it('a tag of another image stays there if tags are not to move', async () => {
      const repository = newRepository();
      const old = succeeded(await bundle({ repository, tags: 'stable' })).outputs;
      const { image = '' } = succeeded(await bundle({ repository, tags: 'new', labels: 'other=1' })).outputs;
      const refused = await run({ action: 'tag', image, tags: 'stable', immutableTags: 'true' });
      failed(refused, 'TAG_EXISTS', /stable/);
      assert.equal(await tagOf(image, 'stable'), old.imageDigest);
    });
  });
});
