import assert from 'node:assert/strict';
import type { TaskProcessResult } from '../support/packed-task.ts';
import { KINDS, RolloutBench } from '../support/rollout-bench.ts';
import type { RolloutParts } from '../support/rollout-bench.ts';

function configMap(name: string, value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {value: ${value}}\n---\n`;
}

function secret(value: string): string {
  return `apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {password: ${value}}\n---\n`;
}

function job(command: string): string {
  return `apiVersion: batch/v1
kind: Job
metadata: {name: work}
spec:
  backoffLimit: 0
  template:
    spec: {restartPolicy: Never, containers: [{name: app, image: app, command: [sh, -c, '${command}']}]}
`;
}

function pod(value: string): string {
  return `apiVersion: v1
kind: Pod
metadata: {name: alone}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: app, command: [sleep, '1000'], env: [{name: VALUE, value: ${value}}]}]
`;
}

const CLAIM = {
  accessModes: ['ReadWriteOnce'],
  storageClassName: 'nowhere',
  resources: { requests: { storage: '1Mi' } },
};

/** The error of a failed run, and a check that it failed in the way expected. */
function failureOf(run: TaskProcessResult, code: string, result: string): string {
  const message = run.issues.find(({ type }) => type === 'error')?.message ?? '';
  assert.ok(message.startsWith(`${code}: `), `${message}\n${run.log}`);
  assert.equal(run.outputs.result, result, run.log);
  return message;
}

describe('what a rollout changes on a real cluster', () => {
  let bench: RolloutBench;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
  });

  after(() => bench.close());

  const rollOut = (manifest: string, inputs: RolloutParts['inputs'] = {}): Promise<TaskProcessResult> =>
    bench.rollOut(manifest, { inputs: { applicationName: 'shop', ...inputs } });

  it('is shown before, without secrets, and with dryRun nothing more is done', async () => {
    await rollOut(configMap('settings', 'one') + configMap('other', 'same') + secret('open-sesame'));
    const before = await bench.state();
    const next =
      configMap('settings', 'two') + configMap('other', 'same') + configMap('more', 'new') + secret('abracadabra');
    const run = await rollOut(next, { dryRun: 'true' });
    assert.equal(run.result, 'Succeeded', run.log);
    assert.equal(run.outputs.result, 'previewed');
    assert.equal(run.outputs.revision, '1');
    for (const text of [run.log, run.summary ?? '']) {
      assert.match(text, /ConfigMap\/settings changed\n +~ data\.value: one → two/);
      assert.match(text, /ConfigMap\/more created/);
      assert.match(text, /Secret\/login changed\n +~ data\.password: \*\*\*, changed/);
      assert.doesNotMatch(text, /ConfigMap\/other|sesame|abracadabra|b3Blbi|YWJyYW/);
    }
    assert.match(run.log, /What will change: 1 created, 2 changed, 1 unchanged/);
    assert.deepEqual(await bench.state(), before);
  });

  it('is refused in a dry run as in any other', async () => {
    const run = await rollOut('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: wrong}\ndata: [1]\n', {
      dryRun: 'true',
    });
    failureOf(run, 'APPLY_REFUSED', 'refused');
  });

  it('is made anew where it cannot be changed, only if that was asked for', async () => {
    const first = await rollOut(job('exit 0'));
    assert.equal(first.outputs.result, 'deployed', first.log);
    const refused = failureOf(await rollOut(job('exit  0')), 'APPLY_REFUSED', 'refused');
    assert.match(refused, /spec\.template.*does not allow for an existing Job.*set recreate/);
    const run = await rollOut(job('exit  0'), { recreate: 'true' });
    assert.equal(run.outputs.result, 'deployed', run.log);
    assert.match(run.log, /Job\/work recreated\n/);
  });

  it('is put back as it was where making it anew fails', async () => {
    const before = await bench.state();
    const run = await rollOut(configMap('settings', 'three') + job('exit 7'), { recreate: 'true' });
    failureOf(run, 'JOB_FAILED', 'restored');
    // A Job that has done its work is not run again to put it back.
    const { 'Job/work': done, ...rest } = before;
    assert.ok(done);
    assert.deepEqual(await bench.state(), rest);
  });

  it('is refused of volumes, whatever was asked for', async () => {
    await bench.create(KINDS.claim, { metadata: { name: 'data' }, spec: CLAIM });
    const spec = JSON.stringify({ ...CLAIM, storageClassName: 'elsewhere' });
    const claim = `apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: ${spec}\n`;
    const run = await rollOut(claim, { recreate: 'true', forceConflicts: 'true' });
    assert.match(failureOf(run, 'APPLY_REFUSED', 'refused'), /PersistentVolumeClaim/);
    await bench.remove(KINDS.claim, 'data');
  });

  it('is a new Pod where a bare one changes', async () => {
    await rollOut(pod('one'));
    const run = await rollOut(pod('two'));
    assert.equal(run.outputs.result, 'deployed', run.log);
    assert.match(JSON.stringify((await bench.get(KINDS.pod, 'alone'))?.spec), /"value":"two"/);
  });

  it('leaves alone what the manifests no longer have, unless it is to be pruned', async () => {
    const shop = { applicationName: 'pruned' };
    const parts = ['a', 'b', 'c'].map((name) => configMap(`part-${name}`, 'one'));
    await rollOut(parts.join(''), shop);
    await rollOut(parts[0] ?? '', shop);
    assert.ok(await bench.get(KINDS.configMap, 'part-b'));
    // What somebody else has made under the same name is not ours to remove.
    await bench.remove(KINDS.configMap, 'part-c');
    await bench.create(KINDS.configMap, { metadata: { name: 'part-c' }, data: { value: 'of somebody else' } });
    await bench.disown(KINDS.configMap, 'part-c');
    const run = await rollOut(parts[0] ?? '', { ...shop, prune: 'true' });
    assert.equal(run.outputs.result, 'deployed', run.log);
    assert.match(run.log, /ConfigMap\/part-b removed/);
    assert.equal(await bench.get(KINDS.configMap, 'part-b'), undefined);
    assert.ok(await bench.get(KINDS.configMap, 'part-c'));
    const again = await rollOut(parts[0] ?? '', { ...shop, prune: 'true' });
    assert.equal(again.outputs.result, 'unchanged', again.log);
  });
});

describe('going back to an earlier revision', () => {
  let bench: RolloutBench;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
    for (const value of ['one', 'two', 'three'])
      await bench.rollOut(configMap('settings', value) + configMap(`only-${value}`, value));
  });

  after(() => bench.close());

  const goBack = (inputs: RolloutParts['inputs'] = {}): Promise<TaskProcessResult> =>
    bench.rollOut('', { images: '', inputs: { action: 'rollback', ...inputs } });
  const setting = async (): Promise<unknown> => (await bench.get(KINDS.configMap, 'settings'))?.data;

  it('shows what it would change, and changes nothing in a dry run', async () => {
    const run = await goBack({ dryRun: 'true' });
    assert.match(run.log, /~ data\.value: three → two/);
    assert.equal(run.outputs.result, 'previewed');
    assert.deepEqual(await setting(), { value: 'three' });
  });

  it('goes to the one before, and then further', async () => {
    const run = await goBack({ prune: 'true' });
    assert.equal(run.outputs.result, 'rolledBack', run.log);
    assert.deepEqual([run.outputs.application, run.outputs.revision], ['settings', '4']);
    assert.deepEqual(await setting(), { value: 'two' });
    assert.equal(await bench.get(KINDS.configMap, 'only-three'), undefined);
    const again = await goBack();
    assert.equal(again.outputs.revision, '5', again.log);
    assert.deepEqual(await setting(), { value: 'one' });
    assert.match(failureOf(await goBack(), 'REVISION_NOT_FOUND', 'refused'), /no earlier revision.*Kept are: 1 /);
  });

  it('goes to the one that is named', async () => {
    assert.equal((await goBack({ revision: '3' })).outputs.result, 'rolledBack');
    assert.deepEqual(await setting(), { value: 'three' });
    assert.match(failureOf(await goBack({ revision: '99' }), 'REVISION_NOT_FOUND', 'refused'), /no revision 99/);
  });

  it('needs the name where the namespace has several applications', async () => {
    await bench.rollOut(configMap('other', 'one'));
    const message = failureOf(await goBack(), 'APPLICATION_UNKNOWN', 'refused');
    assert.match(message, /several applications: other, settings/);
  });
});
