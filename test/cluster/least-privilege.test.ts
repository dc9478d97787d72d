import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { readKubeconfig } from '../../lib/kube/kubeconfig.ts';
import { parseManifest } from '../../lib/kube/manifests/parse.ts';
import type { RolloutReport } from '../../lib/kube/rollout/report.ts';
import { rollOut } from '../../lib/kube/rollout/roll-out.ts';
import { ClusterApi } from '../../tools/services/kubernetes/api.ts';
import { ensureCredentials } from '../../tools/services/kubernetes/credentials.ts';
import { EVERY_KIND, everyKind } from '../support/every-kind.ts';
import type { KindParts } from '../support/every-kind.ts';
import { RequestProxy } from '../support/request-proxy.ts';
import { failureOf, KINDS, RolloutBench, rulesIn } from '../support/rollout-bench.ts';
import { RightsRecorder, rightsIn, withoutRight } from '../support/used-rights.ts';
import type { Rule, UsedRight } from '../support/used-rights.ts';

/** Rights that blue-green alone uses, where there is an autoscaler or a budget: the tests of autoscaling show them at work. */
const TO_MOVE: readonly UsedRight[] = ['get', 'list', 'patch'].flatMap((verb) => [
  `${verb} horizontalpodautoscalers.autoscaling`,
  `${verb} poddisruptionbudgets.policy`,
]);
/** What the Role calls optional. */
const OPTIONAL: readonly UsedRight[] = [
  ...TO_MOVE,
  ...['list events', 'watch events', 'get pods/log'],
  ...['get pods/proxy', 'create pods/proxy'],
];
/** Asked for by every run, and no part of the Role: the first is done without, the others are everybody's. */
const NO_PART: readonly UsedRight[] = [
  'get namespaces',
  'create selfsubjectaccessreviews.authorization.k8s.io',
  'create selfsubjectrulesreviews.authorization.k8s.io',
];
/** Asks the authorizer what somebody may do. */
const REVIEWS = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  namespaced: false,
};
const SETTINGS = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {greeting: hello}\n';

/** A Job, whose pod runs a command. */
function job(name: string, image: string, command: string): string {
  const container = `{name: app, image: "${image}", command: [sh, -c, '${command}']}`;
  const spec = `{backoffLimit: 0, template: {spec: {restartPolicy: Never, containers: [${container}]}}}`;
  return `apiVersion: batch/v1\nkind: Job\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
}

/** How a run within this process ended, and what it wrote into its log. */
interface Attempt extends RolloutReport {
  readonly log: string;
}

describe('the rights of a rollout', () => {
  let bench: RolloutBench;
  let folder: string;
  let documented: readonly Rule[];
  /** Lets whoever has a name for a token do what that user may. */
  let front: RequestProxy;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
    folder = await mkdtemp(join(tmpdir(), 'least-privilege-'));
    documented = await bench.documentedRules();
    const { server, ca, credential } = readKubeconfig(bench.kubeconfig);
    const headers = ({ authorization = '' }): Record<string, string> => ({
      authorization: `Bearer ${credential.token ?? ''}`,
      'impersonate-user': authorization.replace('Bearer ', ''),
      'impersonate-group': 'system:authenticated',
    });
    front = await RequestProxy.start(server, { headers }, ca);
    // A claim of this class is ready although nobody provides its volume.
    await bench.create(KINDS.storageClass, {
      metadata: { name: bench.namespace },
      provisioner: 'kubernetes.io/no-provisioner',
      volumeBindingMode: 'WaitForFirstConsumer',
    });
  });

  after(async () => {
    await front.stop();
    await bench.remove(KINDS.storageClass, bench.namespace);
    await rm(folder, { recursive: true });
    await bench.close();
  });

  /** A kubeconfig of somebody who may do what `rules` allow in the namespace. */
  async function userWith(name: string, rules: readonly Rule[]): Promise<string> {
    await bench.allow(name, rules, { kind: 'User', name });
    while (!(await isAllowed(name, rules[0]))) await sleep(50);
    return kubeconfigOf(name);
  }

  /** Whether the API server has heard of a new Role yet. */
  async function isAllowed(user: string, rule: Rule | undefined): Promise<boolean> {
    const { apiGroups: [group] = [], resources: [all = ''] = [], verbs: [verb] = [], resourceNames } = rule ?? {};
    const [resource, subresource] = all.split('/');
    const name = resourceNames?.[0];
    const resourceAttributes = { namespace: bench.namespace, group, resource, subresource, verb, name };
    const review = await bench.create(REVIEWS, { metadata: { name: '' }, spec: { user, resourceAttributes } });
    return (review.status as { readonly allowed: boolean }).allowed;
  }

  function kubeconfigOf(user: string): string {
    return through(front.origin, bench.kubeconfig).replace(/token: .*/, `token: ${user}`);
  }

  function everyKindAs(parts: Omit<KindParts, 'storageClass'>, kinds?: readonly string[]): string {
    return everyKind({ ...parts, storageClass: bench.namespace }, kinds);
  }

  /** Plays the part of the ingress controller. */
  function giveAddress(line: string): void {
    const [, ingress] = /Ingress\/(\w+) created/.exec(line) ?? [];
    if (ingress === undefined) return;
    const path = `/apis/networking.k8s.io/v1/namespaces/${bench.namespace}/ingresses/${ingress}/status`;
    const status = { loadBalancer: { ingress: [{ ip: '203.0.113.250' }] } };
    void ensureCredentials().then((access) => ClusterApi.use(access, (api) => api.patch(path, { status })));
  }

  /** Rolls out within this process, for that is quicker than a task. */
  async function attempt(manifests: string, user: string, applicationName: string): Promise<Attempt> {
    const lines: string[] = [];
    const report = await rollOut(
      {
        access: readKubeconfig(user),
        goal: {
          action: 'deploy',
          manifests: parseManifest('app.yml', manifests),
          imageFacts: Promise.resolve(() => undefined),
        },
        strategy: { kind: 'rolling' },
        namespace: bench.namespace,
        applicationName,
        run: { name: applicationName, url: undefined },
        createNamespace: false,
        dryRun: false,
        forceConflicts: true,
        recreate: true,
        prune: false,
        waitForOtherRunMinutes: 0,
        timeoutMinutes: 1,
        onFailure: 'restore',
      },
      {
        line: (text) => lines.push(text),
        group: (title, more) => lines.push(title, ...more),
        warn: (text) => lines.push(text),
        progress: () => undefined,
      },
      AbortSignal.timeout(60_000),
    );
    return { ...report, log: lines.join('\n') };
  }

  it('are those of the documented Role, all of them and no other, when every kind is made, changed, put back and checked', async () => {
    const { server, ca } = readKubeconfig(bench.kubeconfig);
    const recorder = await RightsRecorder.start(server, ca);
    try {
      const kubeconfig = through(recorder.origin, await bench.kubeconfigOf('releaser', documented));
      const inputs = { applicationName: 'shop' };
      // As a run that was killed leaves it: it is looked at, and taken over.
      await bench.create(KINDS.lease, {
        metadata: { name: 'model-delivery.shop' },
        spec: { holderIdentity: 'dead #00000000', leaseDurationSeconds: 30, renewTime: '2026-01-01T00:00:00.000000Z' },
      });
      const one = everyKindAs({ name: 'web', value: 'one' });
      const first = await bench.rollOut(one, { kubeconfig, inputs, onLine: giveAddress });
      assert.equal(first.outputs.result, 'deployed', first.log);
      const before = await bench.state();

      // Changes each, makes another one of each, and fails by a StatefulSet that is stuck then.
      const two = everyKindAs({ name: 'web', value: 'two', command: 'echo gone wrong; exit 1' });
      const others = Object.keys(EVERY_KIND).filter((kind) => kind !== 'pods');
      const more = everyKindAs({ name: 'more', value: 'one', replicas: 0 }, others);
      const second = await bench.rollOut(two + more, { kubeconfig, inputs, onLine: giveAddress });
      failureOf(second, 'CONTAINER_CRASHED', 'restored');
      assert.match(second.log, /\| gone wrong/);
      assert.deepEqual(await bench.state(), before);

      const scoreCases = join(folder, 'cases.jsonl');
      await writeFile(scoreCases, '{"request": {"input": 1}, "expected": 1}\n');
      const served = everyKindAs({ name: 'web', value: 'three' }, ['deployments.apps', 'services']);
      const canary = { strategy: 'canary', stepMinutes: '0', checks: '/ contains version', scoreCases };
      const third = await bench.rollOut(served, { kubeconfig, inputs: { ...inputs, ...canary } });
      failureOf(third, 'VERSION_REJECTED', 'rejected');
    } finally {
      await recorder.stop();
    }
    const used = recorder.used.filter((right) => !NO_PART.includes(right));
    assert.deepEqual(
      used,
      rightsIn(documented).filter((right) => !TO_MOVE.includes(right)),
    );
  });

  it('are each needed: without any one of them a run says which, and has changed nothing', async () => {
    const [image] = bench.images;
    const there = everyKindAs({ name: 'web', value: 'one', image, replicas: 0 });
    const run = await bench.rollOut(there, { images: '', inputs: { forceConflicts: 'true' }, onLine: giveAddress });
    assert.equal(run.result, 'Succeeded', run.log);
    const before = await bench.state();
    const needed = rightsIn(documented).filter((right) => !OPTIONAL.includes(right));
    const wrong: string[] = [];
    const queue = needed.values();
    const worker = async (): Promise<void> => {
      for (const right of queue) {
        const name = right.replaceAll(/\W/g, '-');
        const [, resource = ''] = right.split(' ');
        // What no manifest holds is needed for all.
        const kinds = [Object.hasOwn(EVERY_KIND, resource) ? resource : 'statefulsets.apps'];
        const changed = everyKindAs({ name: 'web', value: 'two', image, replicas: 0 }, kinds);
        const made = everyKindAs({ name: 'more', value: 'one', image, replicas: 0 }, kinds);
        const user = await userWith(name, withoutRight(documented, right));
        wrong.push(...complaintsAbout(await attempt(changed + made, user, name), right));
      }
    };
    await Promise.all(Array.from({ length: 4 }, worker));
    assert.deepEqual(wrong, [], `${wrong.length} of ${needed.length}`);
    assert.deepEqual(await bench.state(), before);
  });

  it('that are optional are done without, and the log says what it cannot tell', async () => {
    const [image] = bench.images;
    const needed = documented.map((rule) => withoutRights([rule], OPTIONAL)).flat();
    const blind = await attempt(job('blind', image, 'exit 7'), await userWith('blind', needed), 'blind');
    assert.equal(blind.result, 'removed', String(blind.failure));
    assert.match(blind.log, /the log of container app cannot be read; .* pods\/log\?/);
    assert.match(blind.log, /Events cannot be read.*\n.*verbs list and watch on events/);
    // Longer than a watch that is refused is tried again.
    const deaf = await userWith('deaf', withoutRight(documented, 'watch events'));
    const run = await attempt(job('deaf', image, 'sleep 6'), deaf, 'deaf');
    assert.equal(run.result, 'deployed', String(run.failure));
  });

  it('to reach pods are missed by checks alone: nothing is known of the new version, and the old one serves on', async () => {
    const kinds = ['deployments.apps', 'services'];
    await bench.rollOut(everyKindAs({ name: 'web', value: 'served' }, kinds), { inputs: { forceConflicts: 'true' } });
    const before = await bench.state();
    const kubeconfig = await userWith('unchecked', withoutRights(documented, ['get pods/proxy', 'create pods/proxy']));
    const run = await bench.rollOut(everyKindAs({ name: 'web', value: 'next' }, kinds), {
      kubeconfig,
      inputs: { strategy: 'canary', stepMinutes: '0', checks: '/ contains version' },
    });
    assert.match(failureOf(run, 'CHECK_IMPOSSIBLE', 'inconclusive'), /verbs get and create on pods\/proxy/);
    assert.deepEqual(await bench.state(), before);
  });

  it('may be given for single objects, by their names', async () => {
    const own = (group: string, resource: string, name: string): readonly Rule[] => {
      const rule = { apiGroups: [group], resources: [resource] };
      const verbs = ['get', 'list', 'watch', 'update', 'patch', 'delete'];
      return [
        { ...rule, verbs: ['create'] },
        { ...rule, verbs, resourceNames: [name] },
      ];
    };
    const rules = [
      ...own('', 'secrets', 'model-delivery.named'),
      ...own('coordination.k8s.io', 'leases', 'model-delivery.named'),
      ...own('', 'configmaps', 'settings'),
      ...documented.filter(({ resources }) => /^(pods|replicasets)$/.test(resources.join())),
    ];
    const user = await userWith('named', rules);
    for (const text of [SETTINGS, SETTINGS.replace('hello', 'changed')]) {
      const run = await attempt(text, user, 'named');
      assert.equal(run.result, 'deployed', String(run.failure));
    }
    const refused = await attempt(SETTINGS.replace('{name: settings}', '{name: others}'), user, 'named');
    assert.equal(refused.result, 'refused');
    assert.match(String(refused.failure), /may not get configmaps in namespace/);
  });

  it('that a manifest gives away must be held, or the one to give them', async () => {
    const roles = { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles'] };
    const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];
    const generous = { ...roles, verbs: ['get'], resources: ['pods/exec'], apiGroups: [''] };
    const role = `apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: generous}\nrules: [${JSON.stringify(generous)}]\n`;
    const refused = await attempt(role, await userWith('giver', [...documented, { ...roles, verbs }]), 'giver');
    assert.equal(refused.result, 'refused');
    assert.ok(refused.failure instanceof DeliveryError, String(refused.failure));
    assert.match(refused.failure.message, /permissions not currently held: .*pods\/exec/);
    assert.match(refused.failure.remedy, /the verb escalate on roles/);
    const escalating = { ...roles, verbs: [...verbs, 'escalate'] };
    const given = await attempt(role, await userWith('escalator', [...documented, escalating]), 'escalator');
    assert.equal(given.result, 'deployed', String(given.failure));
  });

  it('that a manifest gives away in a role of its own may be bound by who holds them', async () => {
    const rbac = { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'] };
    const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];
    const rules = JSON.stringify([{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }]);
    const head = 'apiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: reader}\nkind: ';
    const subjects = '[{kind: ServiceAccount, name: default}]';
    const roleRef = '{apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}';
    const manifest = `${head}Role\nrules: ${rules}\n---\n${head}RoleBinding\nroleRef: ${roleRef}\nsubjects: ${subjects}\n`;
    const run = await attempt(manifest, await userWith('binder', [...documented, { ...rbac, verbs }]), 'binder');
    assert.equal(run.result, 'deployed', String(run.failure));
  });
});

describe('the rights to make a namespace', () => {
  let bench: RolloutBench;
  let kubeconfig: string;
  let inputs: Readonly<Record<string, string>>;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
    kubeconfig = await bench.kubeconfigOf('maker', await bench.documentedRules());
    inputs = { namespace: `${bench.namespace}-new`, createNamespace: 'true' };
  });

  after(async () => {
    await bench.remove(KINDS.clusterRoleBinding, bench.namespace);
    await bench.remove(KINDS.clusterRole, bench.namespace);
    await bench.remove(KINDS.namespace, `${bench.namespace}-new`);
    await bench.close();
  });

  it('are missed before anything is made, and the error says which they are and whom to ask', async () => {
    const run = await bench.rollOut(SETTINGS, { kubeconfig, inputs });
    const message = failureOf(run, 'CLUSTER_FORBIDDEN', 'refused');
    assert.match(
      message,
      new RegExp(`may not get, create, update, delete leases.* in namespace ${bench.namespace}-new`),
    );
    assert.match(message, /get, list, watch, create, patch, delete namespaces in the whole cluster/);
    assert.match(
      message,
      /rollout-namespace-role\.yml .* ClusterRoleBinding\. Or let somebody else make the namespace/,
    );
  });

  it('are not missed where it is there: a Role in it is enough', async () => {
    const run = await bench.rollOut(SETTINGS, { kubeconfig, inputs: { createNamespace: 'true' } });
    assert.equal(run.outputs.result, 'deployed', run.log);
  });

  it('are those of the documented ClusterRole, which is enough to roll out into it', async () => {
    const name = bench.namespace;
    const rules = await rulesIn('rollout-namespace-role.yml');
    await bench.create(KINDS.clusterRole, { metadata: { name }, rules });
    await bench.create(KINDS.clusterRoleBinding, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name: 'maker', namespace: bench.namespace }],
    });
    const { server, ca } = readKubeconfig(bench.kubeconfig);
    const recorder = await RightsRecorder.start(server, ca);
    try {
      const parts = { kubeconfig: through(recorder.origin, kubeconfig), inputs, images: '' };
      const failed = await bench.rollOut(job('fails', bench.images[0], 'exit 1'), parts);
      failureOf(failed, 'JOB_FAILED', 'removed');
      const run = await bench.rollOut(SETTINGS, parts);
      assert.equal(run.outputs.result, 'deployed', run.log);
    } finally {
      await recorder.stop();
    }
    assert.deepEqual(
      recorder.used.filter((right) => right.endsWith(' namespaces')),
      rightsIn(rules).filter((right) => right.endsWith(' namespaces')),
    );
  });
});

/** A kubeconfig whose server is reached through a proxy. */
function through(origin: string, kubeconfig: string): string {
  return kubeconfig.replace(/server: .*/, `server: ${origin}`);
}

function withoutRights(rules: readonly Rule[], rights: readonly UsedRight[]): readonly Rule[] {
  return rights.reduce(withoutRight, rules).filter(({ verbs }) => verbs.length > 0);
}

/** What is wrong about how a run ended that lacked a right. */
function complaintsAbout({ result, failure }: RolloutReport, right: UsedRight): readonly string[] {
  const [verb = '', resource = ''] = right.split(' ');
  const names = new RegExp(`may not (.*; )?(\\w+, )*${verb}(, \\w+)* ${resource.replaceAll('.', '\\.')}\\b`);
  const isNamed = failure?.name === 'DeliveryError' && names.test(failure.message);
  return isNamed && result === 'refused' ? [] : [`${right}: ${result}, ${String(failure)}`];
}
