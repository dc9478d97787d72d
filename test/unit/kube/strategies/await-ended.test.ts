import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Footprint } from '../../../../lib/kube/application/footprint.ts';
import type { KubeObject, Pod } from '../../../../lib/kube/objects.ts';
import type { LiveView } from '../../../../lib/kube/readiness/live-view.ts';
import { awaitEnded } from '../../../../lib/kube/strategies/await-ended.ts';
import type { Departure } from '../../../../lib/kube/strategies/await-ended.ts';
import { TEMPORARY, TRACK } from '../../../../lib/kube/strategies/track.ts';
import { around, pod, targetOf } from '../readiness/cluster-objects.ts';
import { webDeployment } from './deployments.ts';

const SELECTED = { app: 'web', [TRACK]: 'canary' };

function toldToEnd(one: Pod): Pod {
  return { ...one, metadata: { ...one.metadata, deletionTimestamp: '2026-11-26T00:00:00Z' } };
}

/** A Deployment that was made beside the stable one: for the time of the rollout only, or as one that stays. */
function made(isTemporary: boolean): Footprint {
  const { metadata, spec, ...rest } = webDeployment();
  const labels: Readonly<Record<string, string>> = isTemporary ? { [TEMPORARY]: 'shop' } : {};
  const desired = {
    ...rest,
    metadata: { ...metadata, labels },
    spec: { ...spec, selector: { matchLabels: SELECTED } },
  };
  return { ref: targetOf(desired).ref, before: undefined, desired };
}

describe('what is taken down beside the stable version', () => {
  let clock: sinon.SinonFakeTimers;
  let live: KubeObject | undefined;
  let pods: readonly Pod[];

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    live = undefined;
    pods = [toldToEnd(pod('r', {}, SELECTED)), pod('stable', {}, { app: 'web' })];
  });

  afterEach(() => clock.restore());

  /** What the wait comes to within so many seconds; undefined if it still waits. */
  async function within(seconds: number, footprint = made(true)): Promise<Departure | undefined> {
    const view = {
      object: () => live,
      around: () => around({ pods }),
      changed: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
    };
    const ends: Departure[] = [];
    const wait = awaitEnded([footprint], view as unknown as LiveView, new AbortController().signal);
    void wait.then((departure) => ends.push(departure));
    await clock.tickAsync(seconds * 1000);
    return ends[0];
  }

  it('is not waited for once all its pods are told to end, however long they take', async () => {
    assert.deepEqual(await within(0), { late: [], ending: pods.slice(0, 1) });
  });

  it('is waited for while a pod was not told to end, for that may still be reached', async () => {
    pods = [pod('r', {}, SELECTED)];
    assert.equal(await within(59), undefined);
    const late = await within(61);
    assert.equal(late?.late.length, 1);
    assert.deepEqual(late.ending, []);
  });

  it('is waited for until its own deletion was seen', async () => {
    live = webDeployment();
    assert.equal(await within(59), undefined);
  });

  it('is waited for until it is gone where it was to stay, for the next run needs its name', async () => {
    live = { ...webDeployment(), metadata: { name: 'web', deletionTimestamp: '2026-11-26T00:00:00Z' } };
    assert.equal(await within(59, made(false)), undefined);
    live = undefined;
    assert.deepEqual(await within(1, made(false)), { late: [], ending: [] });
  });
});
