// The namespaces and the contenders of the rollout benchmark.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultProxy } from '../../../test/support/fault-proxy.ts';
import { KINDS, RolloutBench } from '../../../test/support/rollout-bench.ts';
import type { RolloutParts } from '../../../test/support/rollout-bench.ts';
import { kubernetesClients } from '../../services/kubernetes/clients.ts';
import { inTurn, type Measure, measured, runQuietly } from '../measured.ts';

/** A round trip between an agent and a cluster of the same region, in milliseconds. */
export const DISTANCE = 20;

/** One namespace for each contender, and a way to the cluster that is as long as it usually is. */
export class Workbench {
  readonly ours: RolloutBench;
  readonly other: RolloutBench;
  readonly #folder: string;
  readonly #kubectl: string;
  readonly #distant: FaultProxy;

  private constructor(parts: {
    readonly ours: RolloutBench;
    readonly other: RolloutBench;
    readonly folder: string;
    readonly kubectl: string;
    readonly distant: FaultProxy;
  }) {
    this.ours = parts.ours;
    this.other = parts.other;
    this.#folder = parts.folder;
    this.#kubectl = parts.kubectl;
    this.#distant = parts.distant;
  }

  static async start(): Promise<Workbench> {
    const ours = await RolloutBench.open();
    return new Workbench({
      ours,
      other: await RolloutBench.open(),
      folder: await mkdtemp(join(tmpdir(), 'bench-')),
      kubectl: join(await kubernetesClients(), 'kubectl'),
      distant: await FaultProxy.start(serverOf(ours.kubeconfig), () => ({ delay: DISTANCE })),
    });
  }

  async stop(): Promise<void> {
    await Promise.all([this.ours.close(), this.other.close(), this.#distant.stop()]);
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Waits until pods that make way for others are gone: to end them takes the node as long as to start some. */
  async settle(): Promise<void> {
    for (const { client, namespace } of [this.ours, this.other]) {
      const isLeaving = async (): Promise<boolean> =>
        (await client.list(KINDS.pod, namespace, {}, AbortSignal.timeout(10_000))).items.some(
          ({ metadata }) => metadata.deletionTimestamp !== undefined,
        );
      while (await isLeaving()) await sleep(200);
    }
  }

  /** The administrator's kubeconfig, by the long way if asked. */
  kubeconfig(isDistant: boolean): string {
    const { kubeconfig } = this.ours;
    const { port } = new URL(this.#distant.origin);
    return isDistant ? kubeconfig.replace(serverOf(kubeconfig), `https://127.0.0.1:${port}`) : kubeconfig;
  }

  /** Rolls out with the packed task. */
  async task(manifest: string, parts: RolloutParts = {}): Promise<Measure> {
    return await measured(async (wrapper) => {
      const { result, log } = await this.ours.rollOut(manifest, { ...parts, wrapper });
      if (result !== 'Succeeded') throw new Error(`RolloutToAKS ended as ${result}:\n${log}`);
    });
  }

  /** Runs kubectl, once for each command, with the manifest in the file that `FILE` stands for. */
  async kubectl(
    manifest: string,
    commands: readonly (readonly string[])[],
    { isDistant = false }: { readonly isDistant?: boolean } = {},
  ): Promise<Measure> {
    const file = join(this.#folder, 'app.yml');
    const config = join(this.#folder, 'kubeconfig');
    await writeFile(file, manifest);
    await writeFile(config, this.kubeconfig(isDistant));
    const options = ['--kubeconfig', config, '--namespace', this.other.namespace];
    return await inTurn(
      commands.map((command) => () => {
        const args = command.map((arg) => (arg === 'FILE' ? file : arg));
        return measured((wrapper) => runQuietly([...wrapper, this.#kubectl, ...options, ...args]));
      }),
    );
  }
}

function serverOf(kubeconfig: string): string {
  return /server: (\S+)/.exec(kubeconfig)?.[1] ?? '';
}
