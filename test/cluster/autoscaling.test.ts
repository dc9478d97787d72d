import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from '../../lib/kube/client/api-error.ts';
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

/** A web server whose number of pods an autoscaler decides, and at least two of which must always serve. */
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
      terminationGracePeriodSeconds: 8
      containers:
        - name: app
          image: app
          command: [/bin/busybox, httpd, -f, -p, '8080', -h, /www]
          resources: {requests: {cpu: ${EACH * 2}m}}
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}
          lifecycle: {preStop: {exec: {command: [sleep, '5']}}}
---
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 8
  targetCPUUtilizationPercentage: 50
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}
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
const CANARY = { strategy: 'canary', steps: '50', stepMinutes: '0.02', checks: `/ contains ${TWO}` };
const BLUE_GREEN = { strategy: 'blueGreen', keepMinutes: '0.02', checks: `/ contains ${TWO}` };
const WAITS = { promotion: 'manual' };

describe('an application that is autoscaled, with a disruption budget', () => {
  let bench: RolloutBench;
  let metrics: MetricsApi;
  let kubeconfig: string;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
    metrics = await MetricsApi.open(bench.kubeconfig, bench.namespace);
    kubeconfig = await bench.kubeconfigOf('releaser', await bench.documentedRules());
  });

  after(async () => {
    await metrics.close();
    await bench.close();
  });

  /** Has so many pods' worth of requests arrive. */
  function requestsFor(pods: number): void {
    metrics.load({ service: 'web', milliCpu: pods * EACH });
  }

  function rollOut(image: 0 | 1, inputs: Readonly<Record<string, string>> = {}, parts: RolloutParts = {}): Promise<TaskProcessResult> {
    return bench.rollOut(web(), { images: `app=${bench.images[image]}`, inputs, ...parts });
  }

  /** How many pods a Deployment is to have; undefined where there is none. */
  async function sizeOf(name: string): Promise<number | undefined> {
    const { replicas } = ((await bench.get(KINDS.deployment, name))?.spec ?? {}) as { readonly replicas?: number };
    return replicas;
  }

  async function untilSize(name: string, pods: number): Promise<void> {
    await eventually(async () => assert.equal(await sizeOf(name), pods, name));
  }

  /** The autoscaler but for its status, which the cluster keeps in annotations in this version of the API. */
  async function autoscaler(): Promise<object> {
    const { spec, metadata } = (await bench.get(KINDS.autoscaler, 'web')) ?? {};
    const managers = (metadata?.managedFields ?? []) as readonly { readonly manager?: string }[];
    const own = managers.filter(({ manager }) => manager !== 'kube-controller-manager');
    return { spec, labels: metadata?.labels, owners: own.map((one) => ({ ...one, time: '' })) };
  }

  it('x', async () => {
    requestsFor(1);
    const run = await rollOut(0);
    console.log(run.log);
    await untilSize('web', 2);
    const d = await bench.get(KINDS.deployment, 'web');
    console.log(JSON.stringify(d?.metadata.managedFields).includes('f:replicas":{}}'));
    requestsFor(4);
    const t=Date.now();
    await untilSize('web', 4);
    console.log('up', Date.now()-t);
    console.log(JSON.stringify((await bench.get(KINDS.deployment, 'web'))?.metadata.managedFields).match(/.{200}f:spec":\{"f:replicas.*/));
    requestsFor(2);
    const t2=Date.now();
    await untilSize('web', 2);
    console.log('down', Date.now()-t2);
    console.log((await rollOut(0)).log);
    console.log((await bench.rollOut(web({replicas: '  replicas: 1\n'}))).log);
    console.log(await sizeOf('web'));
    console.log(JSON.stringify(await autoscaler()));
  });
});

async function eventually(holds: () => Promise<void>): Promise<void> {
  const end = Date.now() + 30_000;
  for (;;) {
    try {
      return await holds();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(200);
    }
  }
}
