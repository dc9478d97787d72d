import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { readKubeconfig } from '../../lib/kube/kubeconfig.ts';
import type { KubeObject, Pod } from '../../lib/kube/objects.ts';
import { isServing } from '../../lib/kube/strategies/version-pods.ts';
import { MetricsApi } from '../support/metrics-api.ts';
import { KINDS, RolloutBench } from '../support/rollout-bench.ts';
import type { RolloutParts } from '../support/rollout-bench.ts';
import type { TaskProcessResult } from '../support/packed-task.ts';
import { underTraffic, untilOnly } from '../support/traffic.ts';
import type { Traffic } from '../support/traffic.ts';

/** What one pod shall use at most, in thousandths of a CPU: half of what it requests. */
const EACH = 10;

/**
 * A web server whose number of pods an autoscaler decides, at least two, and of which half must always be healthy. Its pods serve on for
 * as long as the network rules of a busy machine may take to follow.
 */
function web({ replicas = '', greeting = 'hello' } = {}): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
${replicas}  strategy: {rollingUpdate: {maxSurge: 100%, maxUnavailable: 0}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {greeting: ${greeting}}}
    spec:
      terminationGracePeriodSeconds: 12
      automountServiceAccountToken: false
      containers:
        - name: app
          image: app
          command: [/bin/busybox, httpd, -f, -p, '8080', -h, /www]
          resources: {requests: {cpu: ${EACH * 2}m}}
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1, timeoutSeconds: 5}
          lifecycle: {preStop: {exec: {command: [sleep, '10']}}}
---
apiVersion: autoscaling/v2beta2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 8
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 50%, selector: {matchLabels: {app: web}}}
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

const ENDPOINTS = { apiVersion: 'v1', kind: 'Endpoints', plural: 'endpoints', namespaced: true };
const ONE = 'version 1';
const TWO = 'version 2';
const CANARY = { strategy: 'canary', steps: '50', stepMinutes: '0.02', checks: `/ contains ${TWO}` };
const BLUE_GREEN = { strategy: 'blueGreen', keepMinutes: '0.02', checks: `/ contains ${TWO}` };
const EVERY = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];
/** The Deployment is the new version first, with its two pods, and gets so many then. */
const BROUGHT_UP = {
  4: /Deployment\/web: 2\/2 updated, 2 available[\s\S]*Deployment\/web: 4\/4 updated, 4 available/,
  5: /Deployment\/web: 2\/2 updated, 2 available[\s\S]*Deployment\/web: 5\/5 updated, 5 available/,
};
const WAITS = { promotion: 'manual' };

describe('an application that is autoscaled, with a disruption budget', () => {
  let bench: RolloutBench;
  let metrics: MetricsApi;
  let kubeconfig: string;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
    metrics = await MetricsApi.open(bench.kubeconfig, bench.namespace);
    // The Role of the docs, and what it says of further kinds.
    const budgets = { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: EVERY };
    const autoscalers = { apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers'], verbs: EVERY };
    kubeconfig = await bench.kubeconfigOf('releaser', [...(await bench.documentedRules()), budgets, autoscalers]);
  });

  after(async () => {
    await metrics.close();
    await bench.close();
  });

  /** Has so many pods' worth of requests arrive. */
  function requestsFor(pods: number): void {
    metrics.load({ service: 'web', milliCpu: pods * EACH });
  }

  function rollOut(
    image: 0 | 1,
    inputs: Readonly<Record<string, string>> = {},
    parts: RolloutParts = {},
  ): Promise<TaskProcessResult> {
    return bench.rollOut(web(), { images: `app=${bench.images[image]}`, inputs, ...parts });
  }

  /** How many pods a Deployment is to have; undefined where there is none. */
  async function sizeOf(name: string): Promise<number | undefined> {
    const { replicas } = ((await bench.get(KINDS.deployment, name))?.spec ?? {}) as { readonly replicas?: number };
    return replicas;
  }

  /** Waits for a size: of pods that have just begun the autoscaler may think for a moment that fewer would do. */
  async function untilSize(name: string, pods: number): Promise<void> {
    await eventually(async () => assert.equal(await sizeOf(name), pods, name));
  }

  /** Autoscaler and budget but for their status, which the cluster keeps in annotations of the first too. */
  async function kept(): Promise<readonly object[]> {
    const live = [await bench.get(KINDS.autoscaler, 'web'), await bench.get(KINDS.budget, 'web')];
    return live.map((object) => {
      const managers = (object?.metadata.managedFields ?? []) as readonly { readonly manager?: string }[];
      const own = managers.filter(({ manager }) => manager !== 'kube-controller-manager');
      return { spec: object?.spec, owners: own.map((one) => ({ ...one, time: '' })) };
    });
  }

  /** What the autoscaler scales. */
  async function scaled(): Promise<string | undefined> {
    const { scaleTargetRef } = ((await bench.get(KINDS.autoscaler, 'web'))?.spec ?? {}) as {
      readonly scaleTargetRef?: { readonly name: string };
    };
    return scaleTargetRef?.name;
  }

  /** Brings the stable version to so many pods, as the autoscaler does. */
  async function begin(pods: number): Promise<void> {
    requestsFor(pods);
    const run = await rollOut(0);
    assert.equal(run.result, 'Succeeded', run.log);
    await untilReady('web', pods);
  }

  async function untilReady(name: string, pods: number): Promise<void> {
    await eventually(async () => {
      const live = await bench.get(KINDS.deployment, name);
      const { replicas } = (live?.spec ?? {}) as { readonly replicas?: number };
      const { readyReplicas } = (live?.status ?? {}) as { readonly readyReplicas?: number };
      assert.deepEqual([name, replicas, readyReplicas], [name, pods, pods]);
    });
  }

  /**
   * Does something to the stable version under traffic; nothing may fail, the budget must hold at every moment, and nothing
   * may be left behind.
   */
  async function withinBudget(act: (traffic: Traffic) => Promise<void>): Promise<void> {
    const before = await kept();
    const names = Object.keys(await bench.state()).sort();
    const over = new AbortController();
    const serving = leastServing(over.signal);
    try {
      await underTraffic(`http://${await bench.addressOf('web')}/`, ONE, act);
    } finally {
      over.abort();
    }
    assert.ok((await serving) >= 2, `${await serving} pods served at one moment`);
    assert.deepEqual(await kept(), before);
    assert.deepEqual(Object.keys(await bench.state()).sort(), names);
  }

  /** The smallest number of pods that the Service reached at once, until `signal`. */
  async function leastServing(signal: AbortSignal): Promise<number> {
    let least = Infinity;
    try {
      for await (const object of bench.changes(ENDPOINTS, signal)) {
        if (object.metadata.name === 'web') least = Math.min(least, addressesIn(object));
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return least;
  }

  async function podsNow(): Promise<readonly Pod[]> {
    const labelSelector = 'app=web';
    const { items } = await bench.client.list(
      KINDS.pod,
      bench.namespace,
      { labelSelector },
      AbortSignal.timeout(10_000),
    );
    return items as readonly Pod[];
  }

  /** Asks the cluster to evict a pod, as `kubectl drain` does: once, while the client of the task would ask again. */
  async function isEvicted({ metadata: { name } }: Pod): Promise<boolean> {
    const { server, ca, credential } = readKubeconfig(bench.kubeconfig);
    const asked = request(`${server}/api/v1/namespaces/${bench.namespace}/pods/${name}/eviction`, {
      method: 'POST',
      ...(ca === undefined ? {} : { ca }),
      headers: { 'content-type': 'application/json', authorization: `Bearer ${credential.token ?? ''}` },
    });
    asked.end(JSON.stringify({ apiVersion: 'policy/v1beta1', kind: 'Eviction', metadata: { name } }));
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    answer.resume();
    assert.ok(answer.statusCode === 201 || answer.statusCode === 429, `status ${answer.statusCode ?? 0}`);
    return answer.statusCode === 201;
  }

  /** Asks to evict all pods that serve, at once, so that none is replaced meanwhile, and tells which requests were granted. */
  async function evicted(): Promise<readonly boolean[]> {
    const serving = (await podsNow()).filter(isServing);
    const granted = await Promise.all(serving.map((pod) => isEvicted(pod)));
    return granted.sort().reverse();
  }

  /** Waits for what the disruption controller is to make of the budget. */
  async function untilBudget(status: object): Promise<void> {
    await eventually(async () => assert.deepEqual(await budget(), status));
  }

  async function budget(): Promise<object> {
    const status = (await bench.get(KINDS.budget, 'web'))?.status as Readonly<Record<string, number>>;
    const { expectedPods, currentHealthy, desiredHealthy, disruptionsAllowed } = status;
    return { expectedPods, currentHealthy, desiredHealthy, disruptionsAllowed };
  }

  it('keeps its number of pods through first deployment, rolling update and roll-back', async () => {
    requestsFor(3);
    const first = await rollOut(0);
    assert.equal(first.outputs.result, 'deployed', first.log);
    await untilReady('web', 3);
    assert.equal((await rollOut(0)).outputs.result, 'unchanged');
    await withinBudget(async (traffic) => {
      const update = await rollOut(1);
      assert.equal(update.outputs.result, 'deployed', update.log);
      await untilSize('web', 3);
      await untilOnly(traffic, TWO);
      const back = await bench.rollOut('', { inputs: { action: 'rollback' } });
      assert.equal(back.outputs.result, 'rolledBack', back.log);
      await untilSize('web', 3);
      await untilOnly(traffic, ONE);
    });
  });

  it('canary leaves the replicas to the autoscaler, which sizes the stable version for all requests', async () => {
    await begin(2);
    await withinBudget(async (traffic) => {
      const run = await rollOut(
        1,
        { ...CANARY, stepMinutes: '0.15' },
        {
          kubeconfig,
          onLine: (line) => {
            if (line.includes('new beside')) requestsFor(6);
          },
        },
      );
      assert.equal(run.outputs.result, 'deployed', run.log);
      assert.match(run.log, /1 new beside 2 stable pods/);
      // A pod of the canary may still be what lacks; when it goes, the autoscaler adds it.
      assert.match(run.log, /✓ Deployment\/web: [456]\/[456] updated/);
      await untilReady('web', 6);
      await untilOnly(traffic, TWO);
    });
  });

  it('canary that waits is scaled down with the stable version, and evicted within the budget', async () => {
    await begin(4);
    await withinBudget(async (traffic) => {
      const run = await rollOut(1, { ...CANARY, ...WAITS });
      assert.equal(run.outputs.result, 'waiting', run.log);
      await untilReady('web-canary', 2);
      requestsFor(2);
      await untilReady('web', 2);
      await untilBudget({ expectedPods: 4, currentHealthy: 4, desiredHealthy: 2, disruptionsAllowed: 2 });
      assert.deepEqual(await evicted(), [true, true, false, false]);
      await untilReady('web', 2);
      await untilReady('web-canary', 2);
      const rejected = await bench.rollOut('', { inputs: { action: 'reject' } });
      assert.equal(rejected.outputs.result, 'rejected', rejected.log);
      assert.equal(await sizeOf('web'), 2);
      await untilOnly(traffic, ONE);
    });
  });

  it('blue-green is scaled while it serves, and the Deployment has as many pods before it serves again', async () => {
    await begin(2);
    await withinBudget(async (traffic) => {
      const sizes: (string | undefined)[] = [];
      const run = await rollOut(
        1,
        { ...BLUE_GREEN, keepMinutes: '0.2' },
        {
          kubeconfig,
          onLine: (line) => {
            if (!line.includes('HorizontalPodAutoscaler/web →')) return;
            // No sooner, or the autoscaler might still bring pods to the stable version; no more, or it would need a second step.
            requestsFor(4);
            void scaled().then((name) => sizes.push(name));
          },
        },
      );
      assert.equal(run.outputs.result, 'deployed', run.log);
      assert.deepEqual(sizes, ['web-green']);
      assert.match(run.log, BROUGHT_UP[4]);
      await untilSize('web', 4);
      await untilOnly(traffic, TWO);
    });
    requestsFor(3);
    await untilSize('web', 3);
  });

  it('blue-green that waits is scaled and evicted within the budget as long as it waits, and promoted by another run', async () => {
    await begin(2);
    await withinBudget(async (traffic) => {
      const run = await rollOut(1, { ...BLUE_GREEN, ...WAITS });
      assert.equal(run.outputs.result, 'waiting', run.log);
      requestsFor(5);
      await untilReady('web-green', 5);
      assert.equal(await sizeOf('web'), 2);
      // Of the pods that serve half must stay; those that do not serve any more are in nobody's way.
      await untilBudget({ expectedPods: 5, currentHealthy: 5, desiredHealthy: 3, disruptionsAllowed: 2 });
      assert.deepEqual(await evicted(), [true, true, true, true, false, false, false]);
      await untilReady('web-green', 5);
      const promoted = await bench.rollOut('', { kubeconfig, inputs: { action: 'promote' } });
      assert.equal(promoted.outputs.result, 'deployed', promoted.log);
      assert.match(promoted.log, BROUGHT_UP[5]);
      await untilSize('web', 5);
      await untilOnly(traffic, TWO);
    });
  });

  it('blue-green that is killed is scaled on, until the next run sends requests back to as many stable pods', async () => {
    await begin(2);
    await withinBudget(async (traffic) => {
      const images = `app=${bench.images[1]}`;
      await bench.killAt('HorizontalPodAutoscaler/web →', web(), {
        images,
        inputs: { ...BLUE_GREEN, keepMinutes: '5' },
      });
      assert.equal(await scaled(), 'web-green');
      requestsFor(4);
      await untilReady('web-green', 4);
      assert.equal(await sizeOf('web'), 2);
      const next = await rollOut(0);
      assert.equal(next.result, 'Succeeded', next.log);
      assert.match(next.log, /Going back[\s\S]*✓ Deployment\/web: 4\/4 updated, 4 available/);
      assert.equal(await scaled(), 'web');
      await untilSize('web', 4);
      await untilOnly(traffic, ONE);
    });
  });

  it('blue-green moves what the Role of the docs lets it; without that it goes on, and says what that means', async () => {
    await begin(2);
    const rules = (await bench.documentedRules()) as readonly { readonly resources: readonly string[] }[];
    const moved = ['horizontalpodautoscalers', 'poddisruptionbudgets'];
    const without = rules.filter(({ resources }) => !resources.some((one) => moved.includes(one)));
    const documented = await bench.kubeconfigOf('documented', rules);
    const poor = await bench.kubeconfigOf('poor', without);
    const manifest = web()
      .replace(/---\napiVersion: autoscaling[\s\S]*?(?=---)/, '')
      .replace(/---\napiVersion: policy[\s\S]*?(?=---)/, '');
    const allowed = await bench.rollOut(manifest, {
      kubeconfig: documented,
      images: `app=${bench.images[1]}`,
      inputs: BLUE_GREEN,
    });
    assert.equal(allowed.outputs.result, 'deployed', allowed.log);
    assert.match(allowed.log, /HorizontalPodAutoscaler\/web → Deployment\/web-green/);
    assert.doesNotMatch(allowed.log, /No right to/);
    const run = await bench.rollOut(manifest, {
      kubeconfig: poor,
      inputs: { ...BLUE_GREEN, checks: `/ contains ${ONE}` },
    });
    assert.equal(run.outputs.result, 'deployed', run.log);
    assert.match(run.log, /No right to list horizontalpodautoscalers\.autoscaling: where an autoscaler/);
    assert.match(run.log, /No right to list poddisruptionbudgets\.policy: a disruption budget/);
  });
});

/** How many pods a Service reaches. */
function addressesIn(endpoints: KubeObject): number {
  const { subsets = [] } = endpoints as { readonly subsets?: readonly { readonly addresses?: readonly unknown[] }[] };
  return subsets.flatMap(({ addresses = [] }) => addresses).length;
}

async function eventually(holds: () => Promise<void>): Promise<void> {
  // The disruption controller allows nothing while pods still end whose Deployment is gone; a node may take a minute for that.
  const end = Date.now() + 300_000;
  for (;;) {
    try {
      await holds();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(200);
    }
  }
}
