import assert from 'node:assert/strict';
import { KINDS, RolloutBench } from '../support/rollout-bench.ts';
import type { RolloutParts } from '../support/rollout-bench.ts';
import type { TaskProcessResult } from '../support/packed-task.ts';
import { underTraffic, untilOnly, untilSeen } from '../support/traffic.ts';
import type { Seen, Traffic } from '../support/traffic.ts';

/** A web server that ends as a server should: it answers until the cluster has stopped sending requests. */
function web(greeting = 'hello', command = '/bin/busybox httpd -f -p 8080 -h /www'): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  strategy: {rollingUpdate: {maxSurge: 100%, maxUnavailable: 0}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 12
      containers:
        - name: app
          image: app
          command: [sh, -c, ${JSON.stringify(command)}]
          ports: [{name: http, containerPort: 8080}]
          envFrom: [{configMapRef: {name: settings}}]
          readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1, timeoutSeconds: 5}
          lifecycle: {preStop: {exec: {command: [sleep, '10']}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {greeting: ${greeting}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
`;
}

const ONE = 'version 1';
const TWO = 'version 2';
const CANARY = { strategy: 'canary', steps: '33,100', stepMinutes: '0.04', checks: `/ contains ${TWO}` };
const BLUE_GREEN = { strategy: 'blueGreen', keepMinutes: '0.04', checks: `/ contains ${TWO}` };

describe('a strategy under traffic', () => {
  let bench: RolloutBench;
  let kubeconfig: string;
  let start: Readonly<Record<string, unknown>>;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
    // The Role of the docs is enough.
    kubeconfig = await bench.kubeconfigOf('releaser', await bench.documentedRules());
  });

  beforeEach(async () => {
    await bench.begin(web());
    start = await bench.state();
  });

  after(() => bench.close());

  /** Rolls the second version out. */
  function rollOut(inputs: Readonly<Record<string, string>>, parts: RolloutParts = {}): Promise<TaskProcessResult> {
    return bench.rollOut(web('changed'), { images: `app=${bench.images[1]}`, inputs, ...parts });
  }

  /** What a client sees that asks all the time while something is done; it must never fail. */
  async function seenDuring(act: (traffic: Traffic) => Promise<void>): Promise<Seen> {
    return underTraffic(`http://${await bench.addressOf('web')}/`, ONE, act);
  }

  /** Rolls the second version out, and kills the task when it writes a line with `text`. */
  async function killedAt(text: string, inputs: Readonly<Record<string, string>>): Promise<void> {
    await bench.killAt(text, web('changed'), { images: `app=${bench.images[1]}`, inputs });
  }

  /** Nothing but the new version, and nothing of what the strategy needed. */
  async function isPromoted(run: TaskProcessResult): Promise<void> {
    assert.equal(run.outputs.result, 'deployed', run.log);
    assert.equal(run.outputs.imageDigests, bench.images[1], run.log);
    const state = await bench.state();
    assert.deepEqual(Object.keys(state).sort(), Object.keys(start).sort());
    const selector = ((await bench.get(KINDS.service, 'web'))?.spec as { readonly selector?: object }).selector;
    assert.deepEqual(selector, { app: 'web' });
    const next = await rollOut({});
    assert.equal(next.outputs.result, 'unchanged', next.log);
  }

  it('rolling answers every request', async () => {
    await seenDuring(async (traffic) => {
      await isPromoted(await rollOut({}));
      await untilOnly(traffic, TWO);
    });
  });

  it('canary answers every request, by both versions for a while, and leaves nothing behind', async () => {
    await seenDuring(async (traffic) => {
      const run = await rollOut(CANARY, {
        kubeconfig,
        onLine: (line) => {
          if (line.includes('new beside')) traffic.forget();
        },
      });
      await isPromoted(run);
      assert.match(run.log, /1 new beside 3 stable pods: about 25 % of the requests/);
      assert.match(run.log, /3 new beside 3 stable pods: about 50 % of the requests/);
      assert.match(run.summary ?? '', /### Timeline[\s\S]*step 33 %[\s\S]*🟦🟦🟦🟩[\s\S]*promoted/);
      await untilOnly(traffic, TWO);
    });
  });

  it('canary whose check fails goes back: all is as it was, and every request is answered', async () => {
    const seen = await seenDuring(async (traffic) => {
      const run = await rollOut({ ...CANARY, checks: `/ contains ${ONE}` });
      failed(run, 'VERSION_REJECTED', 'rejected', /GET \/ contains version 1 answered .version 2/);
      assert.deepEqual(await bench.state(), start);
      await untilOnly(traffic, ONE);
    });
    assert.ok(seen.answers.has(ONE));
  });

  it('canary waits for a promotion, with settings of its own, and is promoted by another run', async () => {
    await seenDuring(async (traffic) => {
      const run = await rollOut({ ...CANARY, steps: '33', promotion: 'manual' });
      assert.equal(run.outputs.result, 'waiting', run.log);
      assert.equal(run.result, 'Succeeded');
      const settings = async (name: string): Promise<unknown> => (await bench.get(KINDS.configMap, name))?.data;
      assert.deepEqual(await settings('settings'), { greeting: 'hello' });
      assert.deepEqual(await settings('settings-canary'), { greeting: 'changed' });
      await untilSeen(traffic, TWO);
      await isPromoted(await bench.rollOut('', { inputs: { action: 'promote' } }));
      assert.deepEqual(await settings('settings'), { greeting: 'changed' });
      await untilOnly(traffic, TWO);
    });
  });

  it('canary of nothing but settings makes the stable pods anew with them, once', async () => {
    const roll = (): Promise<TaskProcessResult> =>
      bench.rollOut(web('changed'), { inputs: { ...CANARY, steps: '33', checks: `/ contains ${ONE}` } });
    const generation = async (): Promise<unknown> => (await bench.get(KINDS.deployment, 'web'))?.metadata.generation;
    const first = await generation();
    const run = await roll();
    assert.equal(run.outputs.result, 'deployed', run.log);
    const restarted = await generation();
    assert.notEqual(restarted, first, run.log);
    const again = await roll();
    assert.equal(again.outputs.result, 'unchanged', again.log);
    assert.equal(await generation(), restarted);
  });

  it('canary that waits is rejected by another run: all is as it was, the replicas of an autoscaler too', async () => {
    await bench.changeAs('autoscaler', KINDS.deployment, 'web', { replicas: 4 });
    const scaled = await bench.state();
    await seenDuring(async (traffic) => {
      const unscaled = web('changed').replace('  replicas: 3\n', '');
      const inputs = { ...CANARY, steps: '33', promotion: 'manual' };
      const run = await bench.rollOut(unscaled, { images: `app=${bench.images[1]}`, inputs });
      assert.equal(run.outputs.result, 'waiting', run.log);
      // A third of the four, of which the fourth may still be starting.
      assert.match(run.log, /2 new beside [34] stable pods/);
      const rejected = await bench.rollOut('', { inputs: { action: 'reject' } });
      assert.equal(rejected.outputs.result, 'rejected', rejected.log);
      assert.equal(rejected.result, 'Succeeded', rejected.log);
      assert.deepEqual(await bench.state(), scaled);
      await untilOnly(traffic, ONE);
    });
  });

  it('canary that is cancelled in the middle of a step goes back within seconds', async () => {
    const cancel = new AbortController();
    let cancelled = 0;
    await seenDuring(async (traffic) => {
      const run = await rollOut(
        { ...CANARY, stepMinutes: '5' },
        {
          signal: cancel.signal,
          onLine: (line) => {
            if (!line.includes('new beside')) return;
            cancelled = Date.now();
            cancel.abort();
          },
        },
      );
      assert.equal(run.result, 'Canceled', run.log);
      assert.equal(run.outputs.result, 'restored', run.log);
      assert.ok(Date.now() - cancelled < 10_000, run.log);
      await untilOnly(traffic, ONE);
      assert.deepEqual(await bench.state(), start);
    });
  });

  it('blue-green switches all requests at once, and leaves nothing behind', async () => {
    await seenDuring(async (traffic) => {
      let early: Seen | undefined;
      const run = await rollOut(BLUE_GREEN, {
        onLine: (line) => {
          // The last line before the switch; once that is told, requests may have followed it.
          if (line.includes('✓ checks and score cases')) early ??= traffic.seen();
        },
      });
      // While the new version came up and was checked, nobody reached it.
      assert.deepEqual([...(early?.answers.keys() ?? [])], [ONE], run.log);
      await isPromoted(run);
      await untilOnly(traffic, TWO);
    });
  });

  it('blue-green that waits outlasts a refused deployment, and is rejected by another run, which switches back', async () => {
    await seenDuring(async (traffic) => {
      const run = await rollOut({ ...BLUE_GREEN, promotion: 'manual' });
      assert.equal(run.outputs.result, 'waiting', run.log);
      await untilOnly(traffic, TWO);
      const refused = await bench.rollOut(web().replace('replicas: 3', 'replicas: -3'));
      failed(refused, 'APPLY_REFUSED', 'refused', /Deployment\/web/);
      const rejected = await bench.rollOut('', { inputs: { action: 'reject' } });
      assert.equal(rejected.outputs.result, 'rejected', rejected.log);
      assert.deepEqual(await bench.state(), start);
      await untilOnly(traffic, ONE);
    });
  });

  it('blue-green whose pods never start is never reached: all is as it was', async () => {
    const seen = await seenDuring(async () => {
      const run = await bench.rollOut(web('changed', 'echo no model; exit 3'), { inputs: BLUE_GREEN });
      failed(run, 'CONTAINER_CRASHED', 'restored', /exit code 3/);
      assert.match(run.log, /\| no model/);
      assert.deepEqual(await bench.state(), start);
    });
    assert.deepEqual([...seen.answers.keys()], [ONE]);
  });

  it('canary that is killed is taken away by the next run', async () => {
    await seenDuring(async (traffic) => {
      await killedAt('new beside', { ...CANARY, stepMinutes: '5' });
      await untilSeen(traffic, TWO);
      const next = await bench.rollOut(web());
      assert.equal(next.result, 'Succeeded', next.log);
      assert.deepEqual(await bench.state(), start);
      await untilOnly(traffic, ONE);
    });
  });

  it('blue-green that is killed while it is promoted is put right by the next run', async () => {
    await seenDuring(async (traffic) => {
      await killedAt('  Deployment/web changed', BLUE_GREEN);
      const next = await bench.rollOut(web());
      assert.equal(next.result, 'Succeeded', next.log);
      assert.deepEqual(await bench.state(), start);
      await untilOnly(traffic, ONE);
    });
  });

  it('blue-green that is killed while it is promoted is taken back by the run that rejects it', async () => {
    await seenDuring(async (traffic) => {
      await killedAt('  Deployment/web changed', BLUE_GREEN);
      const rejected = await bench.rollOut('', { inputs: { action: 'reject' } });
      failed(rejected, 'NOTHING_WAITS', 'restored', /What an earlier run had left was taken back/);
      assert.deepEqual(await bench.state(), start);
      await untilOnly(traffic, ONE);
    });
  });
});

describe('a strategy where nothing serves yet', () => {
  let bench: RolloutBench;

  // A namespace of its own is empty at once; to clear one takes as long as its pods take to end.
  beforeEach(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
  });

  afterEach(() => bench.close());

  /** Rolls the second version out. */
  function rollOut(inputs: Readonly<Record<string, string>>): Promise<TaskProcessResult> {
    return bench.rollOut(web('changed'), { images: `app=${bench.images[1]}`, inputs });
  }

  it('canary replaces a stable version that is broken, and that somebody else has deployed', async () => {
    const labels = { app: 'web' };
    // Or it would be ready for a moment each time that it begins.
    const readinessProbe = { httpGet: { path: '/', port: 8080 } };
    const container = { name: 'app', image: bench.images[0], command: ['sh', '-c', 'exit 1'], readinessProbe };
    await bench.create(KINDS.deployment, {
      metadata: { name: 'web' },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [container] } },
      },
    });
    await bench.create(KINDS.service, { metadata: { name: 'web' }, spec: { selector: labels, ports: [{ port: 80 }] } });
    await bench.disown(KINDS.deployment, 'web');
    await bench.disown(KINDS.service, 'web');
    const run = await rollOut({ ...CANARY, forceConflicts: 'true', latencyRatio: '2' });
    assert.equal(run.outputs.result, 'deployed', run.log);
    assert.match(run.log, /not compared, for no stable pod serves/);
    assert.deepEqual(
      Object.keys(await bench.state()).filter((name) => name.includes('-canary')),
      [],
    );
  });

  it('of a first deployment is a rolling one; there is nothing to promote', async () => {
    const run = await rollOut(CANARY);
    assert.equal(run.outputs.result, 'deployed', run.log);
    assert.match(run.log, /nothing can be tried beside it: a rolling update/);
    failed(
      await bench.rollOut('', { inputs: { action: 'promote' } }),
      'NOTHING_WAITS',
      'refused',
      /nothing to promote/,
    );
  });
});

function failed(run: TaskProcessResult, code: string, result: string, message: RegExp): void {
  const error = run.issues.find(({ type }) => type === 'error')?.message ?? '';
  assert.equal(run.result, 'Failed', run.log);
  assert.ok(error.startsWith(`${code}: `), `${error}\n${run.log}`);
  assert.match(error, message);
  assert.equal(run.outputs.result, result, run.log);
}
