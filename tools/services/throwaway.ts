// Services of a test's own: on a port that was free, in a folder of the temporary kind, gone when they are stopped.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CertifiedKey } from './azure/certificates.ts';
import { blobAnswers, blobProgram, type BlobService, blobServiceAt, originAt } from './blob.ts';
import { ask } from './commands.ts';
import { freePort, isTaken } from './ports.ts';
import type { Program } from './processes.ts';
import { type Registry, registryAnswers, registryProgram, type TokenAuth } from './registry.ts';
import { printedProgress } from './stages.ts';

/** Ends a service and removes its data. */
export interface Stoppable {
  stop(): Promise<void>;
}

/**
 * Starts a blob service with nothing in it.
 *
 * @param largeBodies spends memory, 2 GiB of it, for speed
 */
export async function startThrowawayBlob(
  settings: { readonly largeBodies?: boolean } = {},
): Promise<BlobService & Stoppable> {
  const folder = await mkdtemp(join(tmpdir(), 'blob-'));
  const port = await freePort();
  const running = await startIn(folder, blobProgram(port, folder, settings), async () => await blobAnswers(port));
  return { ...blobServiceAt(originAt(port)), ...running };
}

/** Starts a blob service with nothing in it that speaks TLS and takes Entra's tokens. */
export async function startThrowawayTlsBlob(server: CertifiedKey): Promise<{ readonly origin: string } & Stoppable> {
  const folder = await mkdtemp(join(tmpdir(), 'blob-'));
  const port = await freePort();
  const tls = { certificate: join(folder, 'server.pem'), key: join(folder, 'server.key') };
  await writeFile(tls.certificate, server.certificate);
  await writeFile(tls.key, server.key, { mode: 0o600 });
  const running = await startIn(folder, blobProgram(port, folder, { tls }), async () => await isTaken(port));
  return { origin: `https://127.0.0.1:${port}`, ...running };
}

/**
 * Starts a registry with nothing in it.
 *
 * @param options names and passwords, or a token service; without either, everybody may pull and push; and what it takes
 * @returns with the folder in which it keeps its data
 */
export async function startThrowawayRegistry(
  options: {
    readonly users?: Readonly<Record<string, string>>;
    readonly tokens?: TokenAuth;
    readonly foreignLayers?: boolean;
  } = {},
): Promise<Registry & Stoppable & { readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'registry-'));
  const port = await freePort();
  const { users, tokens, foreignLayers = false } = options;
  const settings = {
    port,
    folder,
    foreignLayers,
    ...(users === undefined ? {} : { htpasswd: await writePasswords(folder, users) }),
    ...(tokens === undefined ? {} : { tokens }),
  };
  const asksWho = users !== undefined || tokens !== undefined;
  const program = await registryProgram(settings, printedProgress());
  const running = await startIn(folder, program, async () => await registryAnswers(port, { asksWho }));
  return { host: `127.0.0.1:${port}`, folder, ...running };
}

/** Writes a password file as Apache's htpasswd does with bcrypt, the one hash that the registry takes. */
async function writePasswords(folder: string, users: Readonly<Record<string, string>>): Promise<string> {
  const lines = Object.entries(users).map(async ([name, password]) => `${name}:${await bcrypt(password)}`);
  const file = join(folder, 'htpasswd');
  await writeFile(file, `${(await Promise.all(lines)).join('\n')}\n`);
  return file;
}

/** Hashes by the C library's crypt(5), which Perl reaches and every Debian has; five rounds, for tests are in a hurry. */
async function bcrypt(password: string): Promise<string> {
  const salt = 'abcdefghijklmnopqrstuu';
  const script = `chomp(my $password = <STDIN>); print crypt($password, '$2b$05$${salt}')`;
  const hash = await ask('perl', ['-e', script], password);
  if (hash?.startsWith('$2b$') !== true) throw new Error('perl cannot make bcrypt hashes on this system');
  return hash;
}

/** A program may take this long to answer, in milliseconds: on a machine that is busy, seconds mean little. */
const START_LIMIT = 90_000;

async function startIn(folder: string, program: Program, answers: () => Promise<boolean>): Promise<Stoppable> {
  const child = spawn(program.command, program.args, { stdio: 'ignore' });
  // A test that dies must not leave its servers behind.
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  const stop = async (): Promise<void> => {
    process.off('exit', end);
    await ended(child);
    await rm(folder, { recursive: true, force: true });
  };
  const until = Date.now() + START_LIMIT;
  while (!(await answers())) {
    if (child.exitCode !== null || Date.now() > until) {
      await stop();
      throw new Error(`${program.command} ${program.args.join(' ')} does not answer`);
    }
    await sleep(50);
  }
  return { stop };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}
