// A registry that can be killed and started again, with its port and what it holds.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../tools/services/ports.ts';
import type { Program } from '../../tools/services/processes.ts';
import { registryAnswers, registryProgram } from '../../tools/services/registry.ts';
import { printedProgress } from '../../tools/services/stages.ts';

export class RestartableRegistry {
  readonly #folder: string;
  readonly #port: number;
  readonly #program: Program;
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number, program: Program) {
    this.#folder = folder;
    this.#port = port;
    this.#program = program;
  }

  static async start(): Promise<RestartableRegistry> {
    const folder = await mkdtemp(join(tmpdir(), 'registry-'));
    const port = await freePort();
    const registry = new RestartableRegistry(folder, port, await registryProgram({ port, folder }, printedProgress()));
    await registry.begin();
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async begin(): Promise<void> {
    this.#child = spawn(this.#program.command, this.#program.args, { stdio: 'ignore' });
    while (!(await registryAnswers(this.#port))) await sleep(20);
  }

  async kill(): Promise<void> {
    if (this.#child === undefined) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
    this.#child = undefined;
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
