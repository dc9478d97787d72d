import assert from 'node:assert/strict';
import type { KubeClient } from '../../../../lib/kube/client/kube-client.ts';
import type { LiveView } from '../../../../lib/kube/readiness/live-view.ts';
import type { Step } from '../../../../lib/kube/rollout/plan.ts';
import { Stage } from '../../../../lib/kube/strategies/stage.ts';
import { Timeline } from '../../../../lib/kube/strategies/timeline.ts';
import { WEB, WEB_PLAN, webDeployment } from './deployments.ts';

describe('what is brought up beside the stable version', () => {
  it('may be a new Deployment whose manifest asks for no replicas', async () => {
    const { metadata, spec } = webDeployment();
    const idle = {
      ...webDeployment(),
      metadata: { ...metadata, name: 'idle' },
      status: {},
      spec: { ...spec, replicas: 0 },
    };
    const ref = { ...WEB.ref, name: 'idle' };
    const step: Step = { ...WEB, ref, title: 'Deployment/idle', desired: idle, before: undefined };
    const stage = new Stage(
      { ...WEB_PLAN, first: [step] },
      {
        client: { apply: () => Promise.resolve(idle) } as unknown as KubeClient,
        view: {
          open: () => Promise.resolve(),
          object: () => idle,
          around: () => ({ pods: [], replicaSets: [], events: [] }),
          changed: () => Promise.reject(new Error('it is not ready')),
        } as unknown as LiveView,
        reporter: { line: () => undefined, group: () => undefined, warn: () => undefined, progress: () => undefined },
        signal: AbortSignal.timeout(10_000),
        force: false,
        application: 'web',
        timeline: new Timeline(),
        begin: () => Promise.resolve(),
      },
      { checks: [], everyMs: 1_000 },
    );
    const [target] = await stage.bring([step]);
    assert.equal(target?.wantsNone, true);
  });
});
