import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskProcessResult } from '../support/packed-task.ts';
import { KINDS, RolloutBench } from '../support/rollout-bench.ts';
import type { RolloutParts } from '../support/rollout-bench.ts';

const APPLICATION = 'model-delivery.shop';

/** Several ConfigMaps that all say the same. */
function settings(value: string, count = 1): string {
  return Array.from(
    { length: count },
    (_, index) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings-${index}}\ndata: {value: ${value}}\n`,
  ).join('---\n');
}

/** A Deployment that never becomes ready. */
const SLOW = `apiVersion: apps/v1
kind: Deployment
metadata: {name: slow}
spec:
  selector: {matchLabels: {app: slow}}
  template:
    metadata: {labels: {app: slow}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: app, image: app, command: [sleep, '1000'], readinessProbe: {exec: {command: ['false']}}}]
`;

/** A Lease as a run that was last heard of `ageSeconds` ago keeps it. */
function leaseOf(holderIdentity: string, ageSeconds: number): object {
  const renewTime = new Date(Date.now() - ageSeconds * 1000).toISOString().replace('Z', '000Z');
  const spec = { holderIdentity, leaseDurationSeconds: 30, acquireTime: renewTime, renewTime };
  return { metadata: { name: APPLICATION }, spec };
}

function errorOf({ issues }: TaskProcessResult): string {
  return issues.find(({ type }) => type === 'error')?.message ?? '';
}

describe('an application on a real cluster', () => {
  let bench: RolloutBench;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
  });

  after(() => bench.close());

  const rollOut = (manifest: string, { inputs, ...parts }: RolloutParts = {}): Promise<TaskProcessResult> =>
    bench.rollOut(manifest, { images: '', ...parts, inputs: { applicationName: 'shop', ...inputs } });

  afterEach(() => bench.remove(KINDS.lease, APPLICATION));

  it('counts its revisions, and leaves no Lease', async () => {
    const revisions = [];
    for (const value of ['one', 'one', 'two']) revisions.push((await rollOut(settings(value))).outputs.revision);
    assert.deepEqual(revisions, ['1', '1', '2']);
    assert.equal((await bench.get(KINDS.secret, APPLICATION))?.type, 'model-delivery/application');
    assert.equal(await bench.get(KINDS.lease, APPLICATION), undefined);
  });

  it('that another run has is not touched, and the error names that run', async () => {
    await bench.create(KINDS.lease, leaseOf('nightly 20261125.3, job Deploy #00000000', 0));
    const run = await rollOut(settings('three'), { inputs: { waitForOtherRunMinutes: '0' } });
    assert.match(errorOf(run), /^APPLICATION_BUSY: .*rolled out by nightly 20261125\.3, job Deploy, since/);
    assert.equal(run.outputs.result, 'refused');
    assert.deepEqual((await bench.get(KINDS.configMap, 'settings-0'))?.data, { value: 'two' });
  });

  it('is waited for until the other run is done', async () => {
    await bench.create(KINDS.lease, leaseOf('nightly 20261125.3 #00000000', 0));
    const run = await rollOut(settings('four'), {
      onLine: (line) => {
        if (line.includes('Waiting: nightly')) void bench.remove(KINDS.lease, APPLICATION);
      },
    });
    assert.equal(run.outputs.result, 'deployed', run.log);
  });

  it('is taken over from a run that died', async () => {
    await bench.create(KINDS.lease, leaseOf('a run that was killed #00000000', 60));
    const run = await rollOut(settings('five'), { inputs: { waitForOtherRunMinutes: '0' } });
    assert.equal(run.outputs.result, 'deployed', run.log);
  });

  it('stops a run that has lost it, which then changes nothing any more', async () => {
    let taking: Promise<void> | undefined;
    const run = await bench.rollOut(SLOW, {
      inputs: { applicationName: 'shop' },
      onLine: (line) => {
        if (taking !== undefined || !line.includes('… Deployment/slow')) return;
        const other = { holderIdentity: 'a later run #11111111' };
        taking = bench.change(KINDS.lease, APPLICATION, (live) => ({
          ...live,
          spec: { ...(live.spec as object), ...other },
        }));
      },
    });
    await taking;
    assert.match(errorOf(run), /^LEASE_LOST: .*taken over by a later run/, run.log);
    assert.equal(run.outputs.result, 'notRestored');
    assert.notEqual(await bench.get(KINDS.deployment, 'slow'), undefined);
    assert.notEqual(await bench.get(KINDS.lease, APPLICATION), undefined);
    await bench.remove(KINDS.deployment, 'slow');
  });

  it('never mixes ten runs that begin at once', async () => {
    const seen: string[] = [];
    const end = new AbortController();
    const watching = (async () => {
      for await (const { data } of bench.changes(KINDS.configMap, end.signal)) {
        const { value } = (data ?? {}) as { readonly value?: string };
        if (value !== undefined) seen.push(value);
      }
    })().catch(() => undefined);
    const runs = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        rollOut(settings(`run-${index}`, 5), { inputs: { waitForOtherRunMinutes: index % 2 === 0 ? '0' : '10' } }),
      ),
    );
    while (seen.length < 5 * runs.filter(({ result }) => result === 'Succeeded').length) await sleep(100);
    end.abort();
    await watching;
    const turns = seen.filter((value, index) => value !== seen[index - 1]);
    assert.deepEqual(turns, [...new Set(turns)], `interleaved: ${seen.join(' ')}`);
    for (const run of runs.filter((_, index) => index % 2 === 1)) assert.equal(run.outputs.result, 'deployed', run.log);
    for (const run of runs) assert.match(errorOf(run), /^$|^APPLICATION_BUSY: /);
  });
});
