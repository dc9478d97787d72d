import assert from 'node:assert/strict';
import type { KubeClient } from '../../../../lib/kube/client/kube-client.ts';
import { diagnose } from '../../../../lib/kube/diagnosis/diagnose.ts';
import type { LiveView } from '../../../../lib/kube/readiness/live-view.ts';
import { waiting } from '../../../../lib/kube/readiness/verdict.ts';
import { around, deployment, event, pod, replicaSet, targetOf } from '../readiness/cluster-objects.ts';

describe('the evidence of a failed rollout', () => {
  it('is what is known by then, when the run is told to stop', async () => {
    const stop = new AbortController();
    const client = {
      // A log that never comes.
      log: (_ref: unknown, _container: string, _lines: unknown, signal: AbortSignal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('ended')));
          stop.abort();
        }),
    };
    const crashed = pod('r', { state: { terminated: { exitCode: 3 } } });
    const view = {
      object: () => undefined,
      around: () =>
        around({ pods: [crashed], replicaSets: [replicaSet('r', '2')], events: [event('BackOff', 'again')] }),
    };
    const standing = { target: targetOf(deployment({})), verdict: waiting('0/2 updated'), readyAfterMs: undefined };
    const findings = await diagnose(
      client as unknown as KubeClient,
      view as unknown as LiveView,
      [standing],
      stop.signal,
    );
    const evidence = findings.find(({ title }) => title.startsWith('Pod web-1'));
    assert.deepEqual(evidence?.lines.slice(0, 2), [
      'container app: ended with exit code 3',
      'the log of container app was not read in time',
    ]);
  });
});
