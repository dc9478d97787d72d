import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readCapabilities } from '../../lib/kube/client/capabilities.ts';
import { readKubeconfig } from '../../lib/kube/kubeconfig.ts';
import type { KubeObject, Pod } from '../../lib/kube/objects.ts';
import { podTemplatesOf } from '../../lib/kube/manifests/pod-templates.ts';
import { kubernetesClients } from '../../tools/services/kubernetes/clients.ts';
import { ConnectProxy } from '../support/connect-proxy.ts';
import { copiedImage } from '../support/copied-image.ts';
import type { TaskProcessResult } from '../support/packed-task.ts';
import { KINDS, RolloutBench } from '../support/rollout-bench.ts';
import { startHtpasswdRegistry, type TestRegistry } from '../support/test-registry.ts';

const SERVE = '/bin/busybox httpd -f -p 8080 -h /www';

/** A Deployment of one small web server. */
function web({ command = SERVE, extra = '' } = {}): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: app
          command: [sh, -c, ${JSON.stringify(command)}]
          readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
${extra}`;
}

/** A Pod that nothing else looks after. */
function pod(command = SERVE): string {
  return `apiVersion: v1
kind: Pod
metadata: {name: alone, labels: {app: alone}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: app
      image: app
      command: [sh, -c, ${JSON.stringify(command)}]
      readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
`;
}

const SETTINGS = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {greeting: hello}\n';

function assertDeployed(run: TaskProcessResult): void {
  assert.equal(run.outputs.result, 'deployed', run.log);
}

describe('a rollout of', () => {
  let bench: RolloutBench;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
  });

  after(() => bench.close());

  describe('what kustomize, Helm and tokens make', () => {
    const files: Readonly<Record<string, string>> = {
      'overlay/kustomization.yaml': 'namePrefix: kustomized-\nresources: [../base]\n',
      'base/kustomization.yaml': 'resources: [settings.yml]\n',
      'base/settings.yml': SETTINGS,
      'chart/Chart.yaml': 'apiVersion: v2\nname: toy\nversion: 1.0.0\n',
      'chart/templates/settings.yml':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}\ndata: {greeting: {{ .Values.greeting | quote }}, version: {{ .Capabilities.KubeVersion.Version }}}\n',
      'app.yml': SETTINGS.replace('settings', '#{name}#').replace('hello', '#{greeting}#'),
    };
    let folder: string;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'rollout-'));
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(folder, name)), { recursive: true });
        await writeFile(join(folder, name), text);
      }
    });

    after(() => rm(folder, { recursive: true }));

    it('applies all of it together', async () => {
      const programs = await kubernetesClients();
      const run = await bench.rollOut('', {
        wrapper: ['env', `PATH=${programs}:${process.env.PATH ?? ''}`],
        variables: { name: 'tokens', greeting: 'a: "b"', 'Helm.Greeting': 'by helm' },
        inputs: {
          manifests: `${folder}/app.yml\n${folder}/overlay`,
          replaceTokens: 'true',
          images: '',
          chart: `${folder}/chart`,
          releaseName: 'helmed',
          setValues: 'greeting=by helm',
        },
      });
      assertDeployed(run);
      const { version } = await readCapabilities(readKubeconfig(bench.kubeconfig), AbortSignal.timeout(10_000));
      const greetings = await Promise.all(
        ['tokens', 'kustomized-settings', 'helmed'].map(async (name) => (await bench.get(KINDS.configMap, name))?.data),
      );
      assert.deepEqual(greetings, [
        { greeting: 'a: "b"' },
        { greeting: 'hello' },
        { greeting: 'by helm', version: `v${version}` },
      ]);
    });

    it("fetches a chart through the agent's proxy, which helm knows nothing of", async () => {
      const programs = await kubernetesClients();
      const proxy = await ConnectProxy.start({ username: 'agent', password: 'p@ss/word' });
      // The proxy leads to the registry of the tests, which speaks no TLS: what counts is who was asked for the way.
      const registry = `charts.test:${/:(\d+)\//.exec(bench.images[0])?.[1] ?? ''}`;
      const chart = (bypass: readonly string[]): Promise<TaskProcessResult> =>
        bench.rollOut('', {
          wrapper: ['env', `PATH=${programs}:${process.env.PATH ?? ''}`],
          variables: {
            'Agent.ProxyUrl': proxy.origin,
            'Agent.ProxyBypassList': JSON.stringify(bypass),
            'Agent.ProxyUsername': 'agent',
            'Agent.ProxyPassword': 'p@ss/word',
          },
          inputs: { manifests: '', images: '', chart: `oci://${registry}/digits`, releaseName: 'digits' },
        });
      try {
        assert.match((await chart([])).log, /RENDERING_FAILED: The chart oci:/);
        assert.ok(proxy.targets.includes(registry), proxy.targets.join());
        const asked = proxy.targets.length;
        await chart(['charts\\.test']);
        assert.equal(proxy.targets.length, asked);
      } finally {
        await proxy.stop();
      }
    });

    it('says which token has no value, and changes nothing', async () => {
      const run = await bench.rollOut('', {
        inputs: { manifests: `${folder}/app.yml`, replaceTokens: 'true', images: '' },
      });
      const message = run.issues.find(({ type }) => type === 'error')?.message ?? '';
      assert.match(message, /^TOKEN_MISSING: .*#\{name\}# \(.*app\.yml:3\), #\{greeting\}# \(.*app\.yml:4\)/);
    });
  });

  describe('an image that says which model it holds', () => {
    const pods = async (): Promise<readonly KubeObject[]> =>
      (
        await bench.client.list(
          KINDS.pod,
          bench.namespace,
          { labelSelector: 'model-delivery.model.version=7' },
          AbortSignal.timeout(10_000),
        )
      ).items;
    const podNames = async (): Promise<readonly string[]> => (await pods()).map(({ metadata }) => metadata.name);
    const facts = (object: KubeObject | undefined): Readonly<Record<string, string>> =>
      Object.fromEntries(
        Object.entries(object?.metadata.annotations ?? {}).filter(([name]) => name.startsWith('model-delivery.')),
      );

    it('tells it on the workload and its pods; the next run changes nothing and makes no pod anew', async () => {
      const labels = { 'model-delivery.model.name': 'digits', 'model-delivery.model.version': '7' };
      const image = await copiedImage({
        image: bench.images[0],
        to: bench.images[0].replace(/@.*/, '-labelled'),
        labels,
      });
      const parts = {
        images: `app=${image}`,
        variables: { 'Build.SourceVersion': 'c0ffee', 'Build.BuildNumber': '1' },
      };
      assertDeployed(await bench.rollOut(web(), parts));
      const first = await bench.get(KINDS.deployment, 'web');
      const inImage = { ...labels, 'model-delivery.image.digest': image.replace(/.*@/, '') };
      assert.deepEqual({ ...facts(first), ...inImage }, facts(first));
      assert.equal(facts(first)['model-delivery.commit'], 'c0ffee');
      assert.deepEqual((await pods()).map(facts), [inImage]);

      const again = await bench.rollOut(web(), {
        ...parts,
        variables: { 'Build.SourceVersion': 'facade', 'Build.BuildNumber': '2' },
      });
      assert.equal(again.outputs.result, 'unchanged', again.log);
      const second = await bench.get(KINDS.deployment, 'web');
      assert.equal(second?.metadata.resourceVersion, first?.metadata.resourceVersion);
    });

    it('notes the run that changes the workload, and leaves pods alone that stay what they are', async () => {
      const before = await bench.get(KINDS.deployment, 'web');
      const running = await podNames();
      const changed = web().replace('metadata: {name: web}', 'metadata: {name: web, labels: {team: shop}}');
      const image = podImages(before)[0] ?? '';
      const run = await bench.rollOut(changed, {
        images: `app=${image}`,
        variables: { 'Build.SourceVersion': 'decade' },
      });
      assertDeployed(run);
      assert.equal(facts(await bench.get(KINDS.deployment, 'web'))['model-delivery.commit'], 'decade');
      assert.deepEqual(await podNames(), running);
    });
  });

  describe('an image that nodes must sign in for', () => {
    let registry: TestRegistry;
    before(async () => {
      registry = await startHtpasswdRegistry();
    });
    after(() => registry.stop());

    it('pulls by a secret made of the registry connection, which shows nowhere', async () => {
      const image = await copiedImage({
        image: bench.images[1],
        to: `${registry.host}/${randomUUID()}`,
        login: registry,
      });
      const run = await bench.rollOut(web().replaceAll('web', 'private'), {
        images: `app=${image}`,
        inputs: { registryConnection: 'shop-registry', imagePullSecret: 'pull' },
        variables: { 'System.Debug': 'true' },
        connections: [
          {
            name: 'shop-registry',
            type: 'dockerregistry',
            url: `http://${registry.host}`,
            authorization: {
              scheme: 'UsernamePassword',
              parameters: {
                registry: `http://${registry.host}`,
                username: registry.username,
                password: registry.password,
              },
            },
          },
        ],
      });
      assertDeployed(run);
      const secret = await bench.get(KINDS.secret, 'pull');
      assert.equal(secret?.type, 'kubernetes.io/dockerconfigjson');
      const content = Object.values(secret.data as Readonly<Record<string, string>>);
      const shown = [run.log, run.summary ?? '', ...run.attachments.map(({ content }) => content)].join('\n');
      const login = `${registry.username}:${registry.password}`;
      for (const hidden of [...content, registry.password, btoa(login), btoa(registry.password)]) {
        assert.ok(!shown.includes(hidden), `${hidden} is shown`);
      }
    });
  });

  describe('a Pod that nothing looks after', () => {
    const uidOf = async (): Promise<string | undefined> => (await bench.get(KINDS.pod, 'alone'))?.metadata.uid;

    it('makes it anew for another image, and leaves it alone otherwise', async () => {
      assertDeployed(await bench.rollOut(pod()));
      const first = await uidOf();
      const again = await bench.rollOut(pod());
      assert.equal(again.outputs.result, 'unchanged', again.log);
      assert.equal(await uidOf(), first);
      const run = await bench.rollOut(pod(), { images: `app=${bench.images[1]}` });
      assertDeployed(run);
      assert.equal(run.outputs.imageDigests, bench.images[1]);
      assert.notEqual(await uidOf(), first);
    });

    it('puts the one before back when the new one fails', async () => {
      const run = await bench.rollOut(pod('exit 1'));
      assert.equal(run.outputs.result, 'restored', run.log);
      const live = (await bench.get(KINDS.pod, 'alone')) as Pod | undefined;
      assert.equal(live?.spec.containers[0]?.image, bench.images[1]);
      assert.ok(live.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'));
    });
  });

  describe('a namespace that is not there', () => {
    it('makes it if asked, removes it again when the rollout fails, and knows it the next time', async () => {
      const namespace = `${bench.namespace}-new`;
      const inputs = { namespace, createNamespace: 'true' };
      const failed = await bench.rollOut(web({ command: 'exit 1' }), { inputs });
      assert.equal(failed.outputs.result, 'removed', failed.log);
      assert.equal(await bench.get(KINDS.namespace, namespace), undefined);
      try {
        assertDeployed(await bench.rollOut(web(), { inputs }));
        const made = await bench.get(KINDS.namespace, namespace);
        const again = await bench.rollOut(web(), { inputs });
        assert.equal(again.outputs.result, 'unchanged', again.log);
        const kept = await bench.get(KINDS.namespace, namespace);
        assert.equal(kept?.metadata.resourceVersion, made?.metadata.resourceVersion);
      } finally {
        await bench.remove(KINDS.namespace, namespace);
      }
    });
  });
});

function podImages(object: KubeObject | undefined): readonly string[] {
  if (object === undefined) return [];
  return [...podTemplatesOf(object).values()].flatMap(({ spec }) => spec.containers.map(({ image }) => String(image)));
}
