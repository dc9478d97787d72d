import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort } from '../../../tools/services/ports.ts';
import { S3_KEYS, S3_REGION } from '../../../tools/services/s3/emulator.ts';
import { SmallDisk } from '../../support/small-disk.ts';

const MAIN = join(import.meta.dirname, '../../../tools/services/main.ts');
/** A program that has the set-up lock and keeps it. */
const HOLD_THE_LOCK = `
  import { underSetupLock } from '${join(MAIN, '../setup-lock.ts')}';
  const forever = () => new Promise((resolve) => { setTimeout(resolve, 1e9); console.log('held'); });
  await underSetupLock({ stage: (_, work) => work() }, forever);
`;

describe('npm run services', () => {
  let home: string;
  let env: Record<string, string | undefined>;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'services-'));
    env = {
      ...process.env,
      MODEL_DELIVERY_HOME: home,
      MODEL_DELIVERY_BLOB_PORT: String(await freePort()),
      MODEL_DELIVERY_REGISTRY_PORT: String(await freePort()),
      MODEL_DELIVERY_S3_PORT: String(await freePort()),
    };
  });
  afterEach(async () => {
    services('down', 'blob', 's3', 'registry');
    await rm(home, { recursive: true, force: true });
  });

  function services(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
    return spawnSync(process.execPath, [MAIN, ...args], { env, encoding: 'utf8' });
  }

  it('starts what is asked for, tells each stage, and leaves it running', async () => {
    const { status, stderr } = services('up', 'blob', 'registry');
    assert.equal(status, 0, stderr);
    assert.match(stderr, /Starting blob storage on .* … \d+\.\d s\n {2}Starting the registry on .* … \d+\.\d s/);
    const answer = await fetch(`http://127.0.0.1:${env.MODEL_DELIVERY_REGISTRY_PORT ?? ''}/v2/`);
    assert.equal(answer.status, 200);
  });

  it('keeps what S3 holds from one start to the next', async () => {
    assert.equal(services('up', 's3').status, 0);
    const endpoint = `http://127.0.0.1:${env.MODEL_DELIVERY_S3_PORT ?? ''}`;
    const client = new S3Client({ endpoint, region: S3_REGION, forcePathStyle: true, credentials: S3_KEYS });
    const object = { Bucket: 'models', Key: 'digits/model.pkl' };
    await client.send(new CreateBucketCommand({ Bucket: 'models' }));
    await client.send(new PutObjectCommand({ ...object, Body: 'weights' }));
    services('down', 's3');
    services('up', 's3');
    const { Body } = await client.send(new GetObjectCommand(object));
    assert.equal(await Body?.transformToString(), 'weights');
    client.destroy();
  });

  it('forgets what services hold when they are cleared', async () => {
    assert.equal(services('up', 'registry').status, 0);
    const data = join(home, 'state/registry/data');
    await mkdir(data, { recursive: true });
    const { status, stdout, stderr } = services('clear', 'blob', 'registry');
    assert.deepEqual([status, stdout, stderr], [0, 'registry  cleared\nblob      cleared\n', '']);
    await assert.rejects(access(data), { code: 'ENOENT' });
    assert.match(services('status', 'registry').stdout, /^registry +down$/m);
  });

  it('clears also what a Docker engine that was killed had mounted', async function () {
    const data = join(home, 'state/docker/data');
    await mkdir(data, { recursive: true });
    const mounted = SmallDisk.mount(data, 1);
    if (mounted === undefined) return this.skip();
    try {
      const { status, stdout, stderr } = services('clear', 'docker');
      assert.deepEqual([status, stdout, stderr], [0, 'cluster   cleared\ndocker    cleared\n', '']);
      await assert.rejects(access(data), { code: 'ENOENT' });
    } finally {
      mounted.unmount();
    }
  });

  it('does nothing when all is up', () => {
    services('up', 'registry');
    const { status, stderr } = services('up', 'registry');
    assert.deepEqual([status, stderr], [0, '']);
  });

  it('starts one of each when two commands come at once', () => {
    const command = `"${process.execPath}" "${MAIN}" up registry`;
    execFileSync('sh', ['-c', `${command} & ${command}; wait`], { env, stdio: 'ignore' });
    assert.match(services('status', 'registry').stdout, /^registry +up +127\.0\.0\.1:\d+ +process \d+$/m);
    assert.match(services('down', 'registry').stdout, /^registry +stopped$/m);
    assert.match(services('status', 'registry').stdout, /^registry +down$/m);
  });

  it('is not fooled by the record of a process that is another one today', async () => {
    services('up', 'blob');
    const record = join(home, 'state/processes/blob.json');
    const kept = JSON.parse(await readFile(record, 'utf8')) as { pid: number };
    process.kill(kept.pid, 'SIGKILL');
    await writeFile(record, JSON.stringify({ pid: process.pid, identity: 'of another boot' }));
    assert.match(services('status', 'blob').stdout, /^blob +down$/m);
    assert.match(services('down', 'blob').stdout, /was not started here/);
    assert.equal(services('up', 'blob').status, 0);
  });

  it('waits for another set-up, and takes over at once from one that was killed', async () => {
    const holder = spawn(process.execPath, ['--input-type=module', '--eval', HOLD_THE_LOCK], { env, stdio: 'pipe' });
    await once(holder.stdout, 'data');
    const waiting = spawn(process.execPath, [MAIN, 'up', 'registry'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const [line] = (await once(waiting.stderr.setEncoding('utf8'), 'data')) as [string];
    assert.match(line, /Waiting for another set-up to end … /);
    holder.kill('SIGKILL');
    assert.deepEqual(await once(waiting, 'exit'), [0, null]);
  });

  it('says which port is taken by another program, and how to choose one', async () => {
    const taken = createServer((socket) => socket.destroy()).listen(Number(env.MODEL_DELIVERY_BLOB_PORT), '127.0.0.1');
    await once(taken, 'listening');
    const { status, stderr } = services('up', 'blob');
    taken.close();
    assert.equal(status, 1);
    assert.match(stderr, /PORT_TAKEN: Port \d+ .* set MODEL_DELIVERY_BLOB_PORT to a port that is free/);
  });

  it('refuses a port that is none', () => {
    env.MODEL_DELIVERY_BLOB_PORT = 'http';
    assert.match(services('up', 'blob').stderr, /PORT_INVALID: MODEL_DELIVERY_BLOB_PORT is "http"/);
  });

  it('names the log of a service that cannot start', async () => {
    // Where blob storage wants its list of blobs there is a folder.
    await mkdir(join(home, 'state/blob/__azurite_db_blob__.json'), { recursive: true });
    const { status, stderr } = services('up', 'blob');
    assert.equal(status, 1);
    assert.match(stderr, /SERVICE_NOT_READY: blob ended while starting\. Read the end of .*blob\.log/);
    assert.match(await readFile(join(home, 'state/logs/blob.log'), 'utf8'), /EISDIR/);
  });

  it('refuses a service that it does not know', () => {
    const { status, stderr } = services('up', 'blub');
    assert.equal(status, 2);
    assert.match(stderr, /Unknown service: blub\.\nusage:/);
  });
});
