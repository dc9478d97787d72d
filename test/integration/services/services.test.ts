import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '../../../tools/services/main.ts');

/** A port that nothing listens on. */
async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? String(address.port) : '';
}

describe('npm run services', () => {
  let home: string;
  let env: Record<string, string | undefined>;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'services-'));
    env = {
      ...process.env,
      MODEL_DELIVERY_HOME: home,
      MODEL_DELIVERY_BLOB_PORT: await freePort(),
      MODEL_DELIVERY_REGISTRY_PORT: await freePort(),
    };
  });
  afterEach(async () => {
    services('down', 'blob', 'registry');
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

  it('does nothing when all is up', () => {
    services('up', 'registry');
    const { status, stderr } = services('up', 'registry');
    assert.deepEqual([status, stderr], [0, '']);
  });

  it('starts one of each when two commands come at once', () => {
    const command = `"${process.execPath}" "${MAIN}" up registry`;
    execFileSync('sh', ['-c', `${command} & ${command}; wait`], { env, stdio: 'ignore' });
    assert.match(services('status', 'registry').stdout, /^registry +up$/m);
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

  it('names the log of a service that cannot start', async () => {
    const taken = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const address = taken.address();
    env.MODEL_DELIVERY_REGISTRY_PORT = typeof address === 'object' && address !== null ? String(address.port) : '';
    const { status, stderr } = services('up', 'registry');
    taken.close();
    assert.equal(status, 1);
    assert.match(stderr, /SERVICE_NOT_READY: registry ended while starting\. Read the end of .*registry\.log/);
    assert.match(await readFile(join(home, 'state/logs/registry.log'), 'utf8'), /address already in use/);
  });

  it('refuses a service that it does not know', () => {
    const { status, stderr } = services('up', 'blub');
    assert.equal(status, 2);
    assert.match(stderr, /Unknown service: blub\.\nusage:/);
  });
});
