import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pruneModel } from '../../../lib/model/prune.ts';
import { publishModel } from '../../../lib/model/publish.ts';
import { ensureDebianPackages } from '../../../tools/services/debian-packages.ts';
import { ensureServices, type Services } from '../../../tools/services/services.ts';
import { printedProgress } from '../../../tools/services/stages.ts';
import { type BlobContainer, freshContainer, openContainer, put } from '../../support/blob-container.ts';
import { ensureBusyboxImage } from '../../support/busybox-image.ts';
import { silent } from '../../support/model-folder.ts';
import {
  runTaskProcess,
  succeeded,
  type TaskProcessOptions,
  type TaskProcessResult,
} from '../../support/packed-task.ts';
import { RegistryFaults } from '../../support/registry-faults.ts';
import { SmallDisk } from '../../support/small-disk.ts';
import { RequestProxy } from '../../support/request-proxy.ts';

const VARIABLES = { SOURCE_DATE_EPOCH: '1764000000', 'Build.SourceVersion': 'a'.repeat(40) };
const NEVER = new AbortController().signal;
const MiB = 1024 * 1024;

describe('BundleModelImage, when something goes wrong or is large', function () {
  this.timeout('180s');
  let services: Pick<Services, 'blob' | 'registry' | 'docker'>;
  let folder = '';
  let base = '';
  before(async () => {
    services = await ensureServices(['blob', 'registry', 'docker']);
    await ensureDebianPackages(['skopeo', 'time'], printedProgress());
    base = await ensureBusyboxImage(services, '1');
    folder = mkdtempSync(join(tmpdir(), 'bundle-faults-'));
    mkdirSync(join(folder, 'app'));
    writeFileSync(join(folder, 'app', 'run.sh'), '#!/bin/sh\ncat /model/labels.json\n', { mode: 0o755 });
    mkdirSync(join(folder, 'model'));
    writeFileSync(join(folder, 'model', 'weights.bin'), randomBytes(16 * MiB));
    writeFileSync(join(folder, 'model', 'labels.json'), '["zero","one"]\n');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const newTarget = (): string => `${services.registry.host}/bundle/${randomUUID()}`;
  const run = (
    inputs: Readonly<Record<string, string>>,
    rest: Partial<TaskProcessOptions> = {},
  ): Promise<TaskProcessResult> =>
    runTaskProcess({
      task: 'BundleModelImage',
      inputs: {
        tags: 'latest',
        baseImage: base,
        appFolder: join(folder, 'app'),
        ...(inputs.modelSource === undefined ? { modelFolder: join(folder, 'model') } : {}),
        ...inputs,
      },
      variables: VARIABLES,
      ...rest,
    });
  const tagOf = (target: string): string =>
    execFileSync('skopeo', ['inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${target}:latest`], {
      encoding: 'utf8',
    }).trim();

  it('makes an image that docker runs, with app and model', async () => {
    const { outputs } = succeeded(await run({ repository: newTarget(), entrypoint: '/app/run.sh' }));
    const env = { ...process.env, DOCKER_HOST: services.docker.host };
    const printed = execFileSync('docker', ['run', '--rm', '--quiet', outputs.image ?? ''], { encoding: 'utf8', env });
    assert.equal(printed, '["zero","one"]\n');
  });

  it('cancelled while it sends leaves the tag as it was, and the registry no open upload', async () => {
    const target = newTarget();
    const before = succeeded(await run({ repository: target, modelSource: 'none' })).outputs.imageDigest;
    const faults = await RegistryFaults.start(services.registry.host);
    const cancel = new AbortController();
    try {
      faults.plan = ({ method, size }) => {
        if (method !== 'PATCH' || size < MiB) return undefined;
        cancel.abort();
        // Nothing more is taken, so that it cannot have finished when the signal arrives.
        return { cutAfter: MiB };
      };
      const repository = target.replace(services.registry.host, faults.host);
      const cancelled = await run({ repository }, { signal: cancel.signal });
      assert.notEqual(cancelled.result, 'Succeeded', cancelled.log);
      assert.equal(tagOf(target), before);
      const begun = faults.seen.filter(({ method, path }) => method === 'POST' && path.includes('/uploads/')).length;
      assert.ok(begun > 0);
      assert.ok(faults.seen.some(({ method, path }) => method === 'DELETE' && path.includes('/uploads/')));
    } finally {
      await faults.stop();
    }
  });

  describe('with a store', () => {
    let container: BlobContainer;
    let proxy: RequestProxy;
    beforeEach(async () => {
      container = await freshContainer();
      proxy = await RequestProxy.start(container.service.endpoint);
    });
    afterEach(async () => {
      await proxy.stop();
      await container.client.delete();
    });
    const runFromStore = (inputs: Readonly<Record<string, string>>): Promise<TaskProcessResult> => {
      const { connectionString, endpoint } = container.service;
      const throughProxy = connectionString.replace(new URL(endpoint).origin, proxy.origin);
      const access = { storageAuth: 'connectionString', connectionString: throughProxy, container: container.name };
      return run({ modelSource: 'store', ...access, ...inputs });
    };

    it('of a model that is overwritten in a plain store whenever it is read fails and leaves the tag as it was', async () => {
      const target = newTarget();
      const before = succeeded(await run({ repository: target, modelSource: 'none' })).outputs.imageDigest;
      const overwrite = (): Promise<void> => put(container, 'weights.bin', randomBytes(12 * MiB));
      await overwrite();
      let reads = 0;
      proxy.hooks = {
        before: async ({ method, url }) => {
          if (method === 'GET' && url.includes('/weights.bin') && (reads += 1) % 2 === 0) await overwrite();
          return undefined;
        },
      };
      const changed = await runFromStore({ repository: target, layout: 'plain', blobs: 'weights.bin' });
      assert.equal(changed.result, 'Failed', changed.log);
      assert.match(changed.issues[0]?.message ?? '', /^BLOB_CHANGED: /);
      assert.equal(tagOf(target), before);
    });

    it('of a version that is pruned while it is read makes the image of the one that is wanted now', async () => {
      const store = await openContainer(container);
      const source = (version: string): string => {
        const path = join(folder, `source-${version}`);
        mkdirSync(path);
        writeFileSync(join(path, 'labels.json'), `["version ${version}"]\n`);
        return path;
      };
      const publish = async (version: string): Promise<void> => {
        const what = { path: source(version), prefix: 'models', model: 'digits', version, channel: 'latest' };
        await publishModel(store, { ...what, properties: {}, source: {} }, silent, NEVER);
      };
      await publish('1');
      let pruning: Promise<unknown> | undefined;
      const prune = async (): Promise<void> => {
        await publish('2');
        const later = new Date(Date.now() + 2 * 3_600_000);
        await pruneModel(
          store,
          { prefix: 'models', model: 'digits', keep: 1, dryRun: false, by: 'clean 1', now: later },
          silent,
          NEVER,
        );
      };
      proxy.hooks = {
        before: async ({ method, url }) => {
          if (method === 'GET' && url.includes('/versions/1/') && url.includes('labels.json')) {
            await (pruning ??= prune());
          }
          return undefined;
        },
      };
      const repository = newTarget();
      const { outputs, log } = succeeded(await runFromStore({ repository, model: 'digits', tags: 'v{model.version}' }));
      assert.match(log, /There is no blob .*versions\/1\/.* Looking again\./);
      assert.deepEqual([outputs.modelVersion, outputs.imageTags], ['2', 'v2']);
      const env = { ...process.env, DOCKER_HOST: services.docker.host };
      const reading = ['run', '--rm', '--quiet', outputs.image ?? '', 'cat', '/model/labels.json'];
      assert.equal(execFileSync('docker', reading, { encoding: 'utf8', env }), '["version 2"]\n');
    });
  });

  it('succeeds where only the summary of what was pushed finds no room on the agent, and warns', async function () {
    const temp = mkdtempSync(join(folder, 'temp-'));
    const disk = SmallDisk.mount(temp, 1);
    if (disk === undefined) this.skip();
    try {
      // One page is left for the key with which the task library keeps its secrets.
      writeFileSync(join(temp, 'ballast'), Buffer.alloc(MiB - 4096));
      const repository = newTarget();
      const inputs = { repository, modelSource: 'none' };
      const result = succeeded(await run(inputs, { variables: { ...VARIABLES, 'Agent.TempDirectory': temp } }));
      assert.equal(result.outputs.imageDigest, tagOf(repository));
      assert.deepEqual([result.summary, result.attachments], [undefined, []]);
      assert.deepEqual(
        result.issues.map(({ type, message }) => [type, /^The (\w+) of BundleModelImage .*ENOSPC/.exec(message)?.[1]]),
        [
          ['warning', 'summary'],
          ['warning', 'facts'],
        ],
      );
    } finally {
      disk.unmount();
    }
  });

  it('takes an app larger than the memory that it may use, and writes nothing of it to a disk', async () => {
    const app = join(folder, 'large');
    mkdirSync(app);
    writeFileSync(join(app, 'sparse.bin'), 'x');
    truncateSync(join(app, 'sparse.bin'), 280 * MiB);
    const report = join(folder, 'time');
    const wrapper = ['/usr/bin/time', '--format', '%M %O', '--output', report];
    const inputs = { repository: newTarget(), appFolder: app, modelSource: 'none' };
    const { outputs } = succeeded(await run(inputs, { wrapper }));
    const [kilobytes = Infinity, blocks = Infinity] = readFileSync(report, 'utf8').split(' ').map(Number);
    assert.ok(kilobytes < 250_000, `${kilobytes} kB of memory`);
    // The system counts writes of its own as the task's, up to some MiB; a copy of the app would be 280.
    assert.ok(blocks * 512 < 16 * MiB, `${blocks} blocks written`);
    assert.ok(Number(outputs.bytesSent) < 16 * MiB, 'zeros compress');
  });
});
