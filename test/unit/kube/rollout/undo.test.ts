import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { KubeClient } from '../../../../lib/kube/client/kube-client.ts';
import type { LiveView } from '../../../../lib/kube/readiness/live-view.ts';
import { undo } from '../../../../lib/kube/rollout/undo.ts';
import type { Undone } from '../../../../lib/kube/rollout/undo.ts';
import { around, deployment, targetOf } from '../readiness/cluster-objects.ts';

describe('putting back', () => {
  let clock: sinon.SinonFakeTimers;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  });

  afterEach(() => clock.restore());

  it('ends in time if the version before does not become healthy either, and is a result of its own', async () => {
    const before = deployment({ status: { replicas: 2, updatedReplicas: 2, availableReplicas: 1 } });
    const client = { get: () => Promise.resolve(before) };
    const view = {
      openWhenReached: () => Promise.resolve(),
      settle: () => undefined,
      object: () => before,
      around: () => around(),
      changed: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
    };
    const lines: string[] = [];
    const outcome: Undone[] = [];
    void undo({
      client: client as unknown as KubeClient,
      view: view as unknown as LiveView,
      reporter: {
        line: (text) => lines.push(text),
        group: () => undefined,
        warn: () => undefined,
        progress: () => undefined,
      },
      begun: [{ ref: targetOf(before).ref, before, desired: undefined }],
      signal: new AbortController().signal,
    }).then((undone) => outcome.push(undone));
    await clock.tickAsync(299_000);
    assert.equal(outcome.length, 0);
    await clock.tickAsync(2_000);
    const [undone] = outcome;
    assert.equal(undone?.result, 'restoredUnhealthy');
    assert.match(undone.sentence, /was put back, but is not healthy: .*not become ready within 5 minutes/);
    assert.equal(lines.filter((line) => line.startsWith('Putting back')).length, 1);
  });
});
