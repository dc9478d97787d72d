import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Footprint } from '../../../../lib/kube/application/footprint.ts';
import type { KubeObject, Pod } from '../../../../lib/kube/objects.ts';
import type { LiveView } from '../../../../lib/kube/readiness/live-view.ts';
import type { Surroundings } from '../../../../lib/kube/readiness/verdict.ts';
import { awaitEnded } from '../../../../lib/kube/strategies/await-ended.ts';
import type { Departure } from '../../../../lib/kube/strategies/await-ended.ts';
import { TEMPORARY } from '../../../../lib/kube/strategies/track.ts';
import { around, deployment, pod, replicaSet, targetOf } from '../readiness/cluster-objects.ts';

function toldToEnd<Kind extends KubeObject>(object: Kind): Kind {
  const metadata = { ...object.metadata, deletionTimestamp: '2026-11-26T00:00:00Z', deletionGracePeriodSeconds: 30 };
  return { ...object, metadata };
}

/** What a run made beside the stable version; only for its own time, unless `isLasting`. */
function made(isLasting = false): Footprint {
  const { metadata, ...rest } = deployment({});
  const labels: Readonly<Record<string, string>> = isLasting ? {} : { [TEMPORARY]: 'shop' };
  return {
    ref: targetOf(deployment({})).ref,
    before: undefined,
    desired: { ...rest, metadata: { ...metadata, labels } },
  };
}

describe('what is taken down beside the stable version', () => {
  let clock: sinon.SinonFakeTimers;
  let live: KubeObject | undefined;
  let pods: readonly Pod[];

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    live = toldToEnd(deployment({}));
    pods = [toldToEnd(pod('r'))];
  });

  afterEach(() => clock.restore());

  /** What the wait comes to within so many seconds; undefined if it still waits. */
  async function within(seconds: number, footprint: Footprint): Promise<Departure | undefined> {
    const view = {
      object: () => live,
      around: (): Surroundings => around({ pods, replicaSets: [replicaSet('r', '2')] }),
      changed: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
    };
    const ends: Departure[] = [];
    const wait = awaitEnded([footprint], view as unknown as LiveView, new AbortController().signal);
    void wait.then((departure) => ends.push(departure));
    await clock.tickAsync(seconds * 1000);
    return ends[0];
  }

  it('is not waited for once all its pods are told to end, however long they take', async () => {
    assert.deepEqual(await within(0, made()), { late: [], ending: pods });
  });

  it('is waited for while a pod was not told to end, for that may still be reached', async () => {
    pods = [toldToEnd(pod('r')), pod('r')];
    assert.equal(await within(59, made()), undefined);
    assert.equal((await within(61, made()))?.late.length, 1);
  });

  it('is waited for while its deletion has not been seen', async () => {
    live = deployment({});
    assert.equal(await within(59, made()), undefined);
  });

  it('is waited for until it is gone where the next run needs its name', async () => {
    assert.equal(await within(59, made(true)), undefined);
    live = undefined;
    assert.deepEqual(await within(1, made(true)), { late: [], ending: [] });
  });
});
