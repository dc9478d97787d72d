// Long-running processes that outlive the command that started them, known by their identity, not only by a number.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { logPath, statePath } from './state-folder.ts';

/** What is run, with its arguments. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

/** A process to be kept running under a name. */
export interface ProcessSpec extends Program {
  /** Also the name of its log. */
  readonly name: string;
}

interface Kept {
  readonly pid: number;
  /** Start time by the kernel's clock: a number that comes around after a reboot belongs to another start. */
  readonly identity: string;
}

function keptPath(name: string): string {
  return statePath('processes', `${name}.json`);
}

/** When a process began; undefined when there is none, or when it only waits to be buried. */
function identityOf(pid: number): string | undefined {
  return process.platform === 'linux' ? startByKernel(pid) : startByPs(pid);
}

function startByKernel(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name, in brackets, may hold spaces: the fields after it are counted from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : `${boot} ${fields[19] ?? ''}`;
  } catch {
    return undefined;
  }
}

function startByPs(pid: number): string | undefined {
  const { status, stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

function kept(name: string): Kept | undefined {
  try {
    const { pid, identity } = JSON.parse(readFileSync(keptPath(name), 'utf8')) as Kept;
    return identityOf(pid) === identity ? { pid, identity } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the process that was started under a name is still the one that runs. */
export function isRunning(name: string): boolean {
  return kept(name) !== undefined;
}

/** Number of the process that runs under a name. */
export function pidOf(name: string): number | undefined {
  return kept(name)?.pid;
}

/**
 * Starts a process in a session of its own, its output in its log; does nothing when it runs. The log of the run
 * before stays as `<name>.previous.log`: it may tell why this start was needed.
 */
export function keepRunning(spec: ProcessSpec): void {
  if (isRunning(spec.name)) return;
  const log = logPath(spec.name);
  for (const path of [log, keptPath(spec.name)]) mkdirSync(dirname(path), { recursive: true });
  if (existsSync(log)) renameSync(log, logPath(`${spec.name}.previous`));
  const file = openSync(log, 'w');
  const child = spawn(spec.command, spec.args, {
    detached: true,
    stdio: ['ignore', file, file],
  });
  closeSync(file);
  // A program that cannot be started shows as one that does not run; waitUntilReady tells the user.
  child.on('error', () => undefined);
  child.unref();
  if (child.pid === undefined) return;
  writeFileSync(keptPath(spec.name), JSON.stringify({ pid: child.pid, identity: identityOf(child.pid) }));
}

/** Ends a kept process, by force after `graceSeconds`; returns whether there was one. */
export async function stopKept(name: string, graceSeconds = 10): Promise<boolean> {
  const running = kept(name);
  if (running !== undefined) {
    process.kill(running.pid, 'SIGTERM');
    const end = performance.now() + graceSeconds * 1000;
    while (isRunning(name) && performance.now() < end) await sleep(50);
    // Whatever it started itself is in its group, and goes with it.
    if (isRunning(name)) process.kill(-running.pid, 'SIGKILL');
    while (isRunning(name)) await sleep(20);
  }
  rmSync(keptPath(name), { force: true });
  return running !== undefined;
}

/**
 * Waits until a kept process answers. Throws {@link DeliveryError} `SERVICE_NOT_READY` as soon as it has ended, or
 * when it did not answer in time; both name its log.
 */
export async function waitUntilReady(
  name: string,
  answers: () => Promise<boolean>,
  limitSeconds: number,
): Promise<void> {
  const end = performance.now() + limitSeconds * 1000;
  while (!(await answers())) {
    const ended = !isRunning(name);
    if (ended || performance.now() > end) {
      throw new DeliveryError('SERVICE_NOT_READY', {
        message: `${name} ${ended ? 'ended while starting' : `did not answer within ${limitSeconds} s`}.`,
        remedy: `Read the end of ${logPath(name)}, correct what it names, run "npm run services -- down" and try again.`,
      });
    }
    await sleep(100);
  }
}

/** Whether a URL answers with a status that `accept` takes, within two seconds. */
export async function answersAt(url: string, accept: (status: number) => boolean): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000), redirect: 'manual' });
    await response.body?.cancel();
    return accept(response.status);
  } catch {
    return false;
  }
}
