// What a rollout promises however it ends: ended at a certain request to the API server, it leaves nothing half-done behind.
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { readKubeconfig } from '../../lib/kube/kubeconfig.ts';
import type { TaskProcessResult } from './packed-task.ts';
import type { Trial, TrialOptions } from './promises.ts';
import { RequestProxy } from './request-proxy.ts';
import { KINDS, RolloutBench } from './rollout-bench.ts';
import type { RolloutParts } from './rollout-bench.ts';

const INPUTS = { applicationName: 'shop', prune: 'true' };
const KEPT = 'model-delivery.shop';

function configMap(name: string, value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {value: ${value}}\n---\n`;
}

function web(image: string): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: ${image}, command: [/bin/busybox, httpd, -f, -p, '8080']}]
`;
}

const SERVICE = `---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 8080}]}
`;

type State = Readonly<Record<string, unknown>>;

/** How the second version is rolled out. */
export type Way = 'rolling' | 'canary' | 'blueGreen';

/** How a run is ended: killed, or asked to stop as the agent does; before its request reaches the server or after that. */
export type End = 'kill' | 'stop';

/** Two versions of an application: the second changes, adds and leaves out an object. */
export class EndedRollouts {
  readonly #bench: RolloutBench;
  readonly #proxy: RequestProxy;
  readonly #old: string;
  readonly #next: string;
  readonly #broken: string;
  readonly #way: Way;

  #oldState: State = {};
  #nextState: State = {};

  private constructor(bench: RolloutBench, proxy: RequestProxy, way: Way) {
    const [one, two] = bench.images;
    this.#bench = bench;
    this.#proxy = proxy;
    this.#way = way;
    // Only behind a Service that is there can a version be tried beside another one.
    const served = way === 'rolling' ? '' : SERVICE;
    this.#old = configMap('settings', 'one') + configMap('farewell', 'bye') + web(one) + served;
    this.#next = configMap('settings', 'two') + configMap('greeting', 'hello') + web(two) + SERVICE;
    this.#broken =
      configMap('settings', 'three') + configMap('extra', 'more') + web(`${one.split('@')[0] ?? ''}:missing`);
  }

  static async open(way: Way): Promise<EndedRollouts> {
    const bench = await RolloutBench.open();
    const { server, ca } = readKubeconfig(bench.kubeconfig);
    return new EndedRollouts(bench, await RequestProxy.start(server, {}, ca), way);
  }

  async close(): Promise<void> {
    await this.#proxy.stop();
    await this.#bench.close();
  }

  /** Rolls both versions out undisturbed, and tells how many requests the second one takes. */
  async countRequests(): Promise<number> {
    this.#oldState = await this.#stateAfter(this.#old);
    this.#proxy.reset();
    this.#nextState = await this.#stateAfter(this.#next, { ...this.#inWay(), kubeconfig: this.#throughProxy() });
    return this.#proxy.seen.length;
  }

  /**
   * Rolls the second version out, ends that at a request, and then has another run do its work.
   *
   * @param call the number of the request, from 0
   * @param next what the run after it wants
   * @returns what is wrong, if anything is
   */
  async endAt(
    call: number,
    when: 'before' | 'after',
    end: End,
    next: 'again' | 'back' | 'broken',
  ): Promise<string | undefined> {
    const [oldState, nextState] = [this.#oldState, this.#nextState];
    const reset = await this.#stateAfter(this.#old);
    if (!isDeepStrictEqual(reset, oldState)) return `before: ${differenceOf(reset, oldState)}`;
    const run = await this.#ended(call, when, end);
    if (this.#proxy.seen.length === 0) return `the run never came to the cluster: ${run.log}`;
    const place = `${end} ${when} ${this.#proxy.seen[call]?.method ?? ''} ${this.#proxy.seen[call]?.url.replace(/\?.*/, '') ?? 'the end'}, then ${next}`;
    if (end === 'stop') {
      const wrong = await this.#wrongAfterStop(run);
      if (wrong !== undefined) return `${place}: ${wrong}`;
    }
    await this.#passTime();
    const wanted = { again: [nextState], back: [oldState], broken: [oldState, nextState] }[next];
    const after = await this.#rollOut({ again: this.#next, back: this.#old, broken: this.#broken }[next]);
    if ((after.result === 'Succeeded') !== (next !== 'broken')) return `${place}: ${after.log}`;
    const state = await this.#bench.state();
    if (!wanted.some((one) => isDeepStrictEqual(state, one)))
      return `${place}: ${differenceOf(state, wanted[0] ?? {})}`;
    return this.#strandedBookkeeping(place);
  }

  async #wrongAfterStop(run: TaskProcessResult): Promise<string | undefined> {
    const state = await this.#bench.state();
    const wanted = run.outputs.result === 'deployed' ? this.#nextState : this.#oldState;
    if (!isDeepStrictEqual(state, wanted))
      return `said ${run.outputs.result ?? 'nothing'}, but ${differenceOf(state, wanted)}`;
    return this.#strandedBookkeeping('');
  }

  async #strandedBookkeeping(place: string): Promise<string | undefined> {
    if ((await this.#bench.get(KINDS.lease, KEPT)) !== undefined) return `${place}: a Lease is left`;
    const { unfinished } = ((await this.#bench.get(KINDS.secret, KEPT))?.data ?? {}) as {
      readonly unfinished?: string;
    };
    return unfinished === undefined ? undefined : `${place}: the record calls a run unfinished`;
  }

  async #ended(call: number, when: 'before' | 'after', end: End): Promise<TaskProcessResult> {
    const pidFile = join(tmpdir(), `${this.#bench.namespace}.pid`);
    const cancel = new AbortController();
    const act = async (): Promise<void> => {
      if (end === 'stop') cancel.abort();
      else process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
    };
    this.#proxy.reset({
      before: async ({ index }) => {
        if (index !== call || when !== 'before') return undefined;
        await act();
        return end === 'kill' ? 503 : undefined;
      },
      after: ({ index }) => {
        // One that has ended by itself by then cannot be ended.
        if (index === call && when === 'after') act().catch(() => undefined);
      },
    });
    try {
      return await this.#rollOut(this.#next, {
        ...this.#inWay(),
        kubeconfig: this.#throughProxy(),
        // dash drops variables with names such as those of service connections; bash hands them on.
        wrapper: ['bash', '-c', `echo $$ > ${pidFile}; exec "$@"`, 'bash'],
        signal: cancel.signal,
      });
    } finally {
      await rm(pidFile, { force: true });
    }
  }

  async #stateAfter(manifest: string, parts: RolloutParts = {}): Promise<State> {
    await this.#rollOut(manifest, parts);
    return this.#bench.state();
  }

  #rollOut(manifest: string, parts: RolloutParts = {}): Promise<TaskProcessResult> {
    return this.#bench.rollOut(manifest, { images: '', inputs: INPUTS, ...parts });
  }

  #inWay(): RolloutParts {
    return { inputs: { ...INPUTS, strategy: this.#way, steps: '100', stepMinutes: '0', keepMinutes: '0' } };
  }

  #throughProxy(): string {
    return this.#bench.kubeconfig.replace(/server: .*/, `server: ${this.#proxy.origin}`);
  }

  /** As if the half minute had passed that a dead run holds its Lease. */
  async #passTime(): Promise<void> {
    if ((await this.#bench.get(KINDS.lease, KEPT)) === undefined) return;
    const renewTime = '2026-01-01T00:00:00.000000Z';
    await this.#bench.change(KINDS.lease, KEPT, (live) => ({ ...live, spec: { ...(live.spec as object), renewTime } }));
  }
}

function differenceOf(state: State, wanted: State): string {
  const names = [...new Set([...Object.keys(state), ...Object.keys(wanted)])];
  const different = names.filter((name) => !isDeepStrictEqual(state[name], wanted[name]));
  return different
    .map((name) => `${name} is ${JSON.stringify(state[name])}, not ${JSON.stringify(wanted[name])}`)
    .join('; ');
}

const NEXT = ['again', 'back', 'broken'] as const;

/** Nothing is stranded and the next run converges, whenever a rollout is killed; `runs` places, evenly from first to last. */
export async function tryKilledRollouts({ runs }: TrialOptions, way: Way = 'rolling'): Promise<Trial> {
  return tryEnds('kill', runs, way);
}

/** The old version is back whole, or the new one is there whole, whenever a rollout is asked to stop. */
export async function tryStoppedRollouts({ runs }: TrialOptions, way: Way = 'rolling'): Promise<Trial> {
  return tryEnds('stop', runs, way);
}

async function tryEnds(end: End, runs: number, way: Way): Promise<Trial> {
  const rollouts = await EndedRollouts.open(way);
  try {
    const places = 2 * (await rollouts.countRequests());
    const broken: string[] = [];
    for (let run = 0; run < runs; run++) {
      const place = Math.floor((run * places) / runs);
      const when = place % 2 === 0 ? 'before' : 'after';
      const wrong = await rollouts.endAt(Math.floor(place / 2), when, end, NEXT[run % NEXT.length] ?? 'again');
      if (wrong !== undefined) broken.push(wrong);
    }
    return { runs, broken };
  } finally {
    await rollouts.close();
  }
}
