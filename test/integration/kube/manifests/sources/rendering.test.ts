import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { collectManifests } from '../../../../../lib/kube/manifests/collect.ts';
import type { ManifestSelection } from '../../../../../lib/kube/manifests/collect.ts';
import type { Chart } from '../../../../../lib/kube/manifests/sources/helm.ts';
import { createDispatcher } from '../../../../../lib/http/dispatcher.ts';
import type { KubeObject } from '../../../../../lib/kube/objects.ts';
import { environmentWithClients } from '../../../../../tools/services/kubernetes/clients.ts';

const FILES: Readonly<Record<string, string>> = {
  'base/kustomization.yaml': 'resources: [app.yml]\n',
  'base/app.yml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {token: "#{secret}#"}\n',
  'overlay/kustomization.yaml': 'namePrefix: prod-\nresources: [../base]\n',
  'broken/kustomization.yaml': 'resources: [nowhere.yml]\n',
  'chart/Chart.yaml': 'apiVersion: v2\nname: digits\nversion: 1.0.0\n',
  'chart/values.yaml': 'greeting: hello\nreplicas: 1\n',
  'chart/templates/app.yml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}\ndata: {greeting: {{ .Values.greeting | quote }}, replicas: {{ .Values.replicas | quote }}}\n',
  'chart/templates/migrate.yml':
    'apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, annotations: {helm.sh/hook: pre-upgrade}}\n',
  'chart/templates/tests/test.yml':
    'apiVersion: v1\nkind: Pod\nmetadata: {name: try, annotations: {helm.sh/hook: test}}\n',
  'chart/crds/toy.yml':
    'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: toys.example.com}\n',
  'values/one.yml': 'greeting: one\nreplicas: 2\n',
  'values/two.yml': 'greeting: two\n',
};

const CHART: Chart = {
  chart: 'chart',
  version: undefined,
  releaseName: 'shop',
  namespace: 'production',
  capabilities: undefined,
  valueFiles: [],
  values: {},
};

describe('rendering', () => {
  let root: string;
  let environment: NodeJS.ProcessEnv;
  const warnings: string[] = [];
  const dispatcher = createDispatcher();

  before(async function () {
    this.timeout('5m');
    environment = await environmentWithClients();
  });

  beforeEach(async () => {
    warnings.length = 0;
    root = await mkdtemp(join(tmpdir(), 'rendering-'));
    for (const [name, text] of Object.entries(FILES)) {
      await mkdir(dirname(join(root, name)), { recursive: true });
      await writeFile(join(root, name), text);
    }
  });

  afterEach(() => rm(root, { recursive: true }));
  after(() => dispatcher.close());

  const collected = async (
    selection: Partial<ManifestSelection>,
    { signal = AbortSignal.timeout(60_000), env = environment } = {},
  ): Promise<readonly KubeObject[]> => {
    const whole = {
      manifests: [],
      chart: undefined,
      root,
      tokens: undefined,
      images: [],
      imagePaths: [],
      ...selection,
    };
    const warn = (text: string): void => void warnings.push(text);
    return (await collectManifests(whole, { dispatcher, environment: env, signal, warn })).map(({ object }) => object);
  };

  /** A program of our own, called as the real one would be. */
  const fakeHelm = async (script: string): Promise<NodeJS.ProcessEnv> => {
    await writeFile(join(root, 'helm'), `#!/bin/sh\n${script}\n`);
    await chmod(join(root, 'helm'), 0o755);
    return { ...process.env, PATH: `${root}:${process.env.PATH ?? ''}` };
  };

  it('makes manifests of a folder of kustomize; its files do not ask for the values of tokens', async () => {
    const objects = await collected({ manifests: ['overlay'], tokens: () => 'a secret' });
    assert.deepEqual(
      objects.map(({ metadata, data }) => [metadata.name, data]),
      [['prod-settings', { token: '#{secret}#' }]],
    );
  });

  it('of a broken kustomization says what kubectl says', async () => {
    await assert.rejects(collected({ manifests: ['broken'] }), {
      code: 'RENDERING_FAILED',
      message: /^The kustomization broken could not be rendered: kubectl says: .*nowhere\.yml/,
    });
  });

  it('makes manifests of a chart, with its definitions, by files of values and single ones, later ones first', async () => {
    const chart = { ...CHART, valueFiles: ['values/one.yml', 'values/two.yml'], values: { replicas: '3' } };
    const objects = await collected({ chart });
    assert.deepEqual(objects.map(({ kind }) => kind).sort(), ['ConfigMap', 'CustomResourceDefinition']);
    const config = objects.find(({ kind }) => kind === 'ConfigMap');
    assert.deepEqual(
      [config?.metadata, config?.data],
      [
        { name: 'shop', namespace: 'production' },
        { greeting: 'two', replicas: '3' },
      ],
    );
  });

  it('tells a chart what the cluster is and serves', async () => {
    await writeFile(
      join(root, 'chart/templates/app.yml'),
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {version: {{ .Capabilities.KubeVersion.Version }}, toys: {{ .Capabilities.APIVersions.Has "toys.example.com/v1" | quote }}}\n',
    );
    const capabilities = { version: '1.20.2', apiVersions: ['apps/v1', 'toys.example.com/v1'] };
    const objects = await collected({ chart: { ...CHART, capabilities } });
    const config = objects.find(({ kind }) => kind === 'ConfigMap');
    assert.deepEqual(config?.data, { version: 'v1.20.2', toys: 'true' });
  });

  it('warns of hooks that an upgrade by Helm would run, and not of tests', async () => {
    await collected({ chart: CHART });
    assert.deepEqual(warnings, [
      'Hooks of the chart chart are not run: Job/migrate (pre-upgrade). Run what they do in a step before.',
    ]);
  });

  it('keeps values out of the list of processes, whatever they are, and lets nothing become an option', async () => {
    const secret = 'p$w`d; rm -rf "x" --set y';
    const env = await fakeHelm(
      'echo "$@" > "$(dirname "$0")/args"; cat > "$(dirname "$0")/input"; cat "$(dirname "$0")/base/app.yml"',
    );
    await collected({ chart: { ...CHART, values: { 'db.password': secret } } }, { env });
    assert.equal(
      await readFile(join(root, 'args'), 'utf8'),
      `template shop ${root}/chart --include-crds --namespace=production --values=-\n`,
    );
    assert.match(await readFile(join(root, 'input'), 'utf8'), /password: .*rm -rf/);
  });

  it('refuses charts, names and files that are none before helm runs', async () => {
    for (const wrong of [
      { chart: 'nowhere' },
      { chart: '--post-renderer=x' },
      { chart: 'oci://registry.example.com' },
      { chart: 'oci://registry.example.com/x y' },
      { releaseName: '-x' },
      { releaseName: 'Shop' },
      { valueFiles: ['values/none.yml'] },
      { values: { 'a[0]': 'x' } },
    ]) {
      await assert.rejects(
        collected({ chart: { ...CHART, ...wrong } }, { env: {} }),
        { code: 'CHART_INVALID' },
        JSON.stringify(wrong),
      );
    }
  });

  it('of a chart that cannot be had says what helm says', async () => {
    const chart = { ...CHART, chart: 'oci://127.0.0.1:9/charts/digits', version: '1.0.0' };
    await assert.rejects(collected({ chart }), { code: 'RENDERING_FAILED', message: /helm says: .*127\.0\.0\.1:9/ });
  });

  it('without the program says which one is missing and for what', async () => {
    const env = { PATH: join(root, 'nothing') };
    await assert.rejects(collected({ manifests: ['overlay'] }, { env }), {
      code: 'RENDERING_PROGRAM_MISSING',
      message:
        'To render the kustomization overlay, kubectl is needed, but there is no kubectl on the path of this agent.',
    });
    await assert.rejects(collected({ chart: CHART }, { env }), {
      code: 'RENDERING_PROGRAM_MISSING',
      remedy: /HelmInstaller/,
    });
  });

  it('ends the program when the run is told to stop', async () => {
    const stop = new AbortController();
    const env = await fakeHelm('echo $$ > "$(dirname "$0")/pid"; exec sleep 600');
    const rendering = collected({ chart: CHART }, { env, signal: stop.signal });
    const pid = async (): Promise<number> => {
      for (;;) {
        const text = await readFile(join(root, 'pid'), 'utf8').catch(() => '');
        if (text.endsWith('\n')) return Number(text);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const child = await pid();
    stop.abort(new Error('stopped'));
    await assert.rejects(rendering, { message: 'stopped' });
    assert.throws(() => process.kill(child, 0), { code: 'ESRCH' });
  });

  it('does not keep more of an output without end than a manifest may have', async () => {
    const env = await fakeHelm('exec yes "a: b"');
    await assert.rejects(collected({ chart: CHART }, { env }), {
      code: 'RENDERING_FAILED',
      message: /printed more than/,
    });
  });
});
