// A registry of a test's own, on a free port, with its own users.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TestRegistry {
  readonly host: string;
  readonly username: string;
  readonly password: string;
  stop(): Promise<void>;
}

const USERNAME = 'pusher';
const PASSWORD = 'correct horse battery';
/** The password above, hashed by bcrypt: the only form that the registry takes. */
const HTPASSWD = 'pusher:$2y$04$9OJSylXswaZ4AA3StHafpO1IWE121dIx1GDuSQuvh39rq5MpCF6PC\n';

/** Starts the real registry with one user. */
export async function startHtpasswdRegistry(): Promise<TestRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'registry-'));
  const port = await freePort();
  await writeFile(join(folder, 'htpasswd'), HTPASSWD);
  const configuration = {
    version: 0.1,
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    http: { addr: `127.0.0.1:${port}` },
    auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } },
  };
  // YAML is a superset of JSON.
  await writeFile(join(folder, 'config.yml'), JSON.stringify(configuration));
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: 'ignore' });
  const stop = async (): Promise<void> => {
    await ended(child);
    await rm(folder, { recursive: true, force: true });
  };
  await untilUp(`http://127.0.0.1:${port}/v2/`, child);
  return { host: `127.0.0.1:${port}`, username: USERNAME, password: PASSWORD, stop };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill();
  await exit;
}

async function untilUp(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`docker-registry ended with ${child.exitCode}`);
    const up = await fetch(url).then(
      ({ status }) => status === 401,
      () => false,
    );
    if (up) return;
    await sleep(50);
  }
  throw new Error('docker-registry did not come up within 5 s');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
