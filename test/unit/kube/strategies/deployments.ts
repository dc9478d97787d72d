import type { Step } from '../../../../lib/kube/rollout/plan.ts';
import { DEPLOYMENTS } from '../../../../lib/kube/strategies/deployment.ts';
import type { Deployment } from '../../../../lib/kube/strategies/deployment.ts';
import type { Service } from '../../../../lib/kube/strategies/service.ts';
import type { StagePlan } from '../../../../lib/kube/strategies/stage-plan.ts';

/** A Deployment as a cluster answers it. */
export function webDeployment(podSpec: object = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'web',
      namespace: 'shop',
      uid: 'd',
      resourceVersion: '7',
      labels: { team: 'fruit' },
      annotations: { 'deployment.kubernetes.io/revision': '3' },
    },
    spec: {
      replicas: 4,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web', tier: 'front' }, annotations: { note: 'kept' } },
        spec: { containers: [{ ports: [{ name: 'http', containerPort: 8080 }] }], ...podSpec },
      },
      minReadySeconds: 2,
    },
    status: { replicas: 4 },
  };
}

export function webService(spec: object = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop', resourceVersion: '9' },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }], ...spec },
  };
}

/** The step that writes that Deployment. */
export const WEB: Step = {
  ref: { resource: DEPLOYMENTS, namespace: 'shop', name: 'web' },
  title: 'Deployment/web',
  source: 'app.yml:1',
  desired: webDeployment(),
  before: webDeployment(),
  judged: 'first',
};
/** The plan of its blue-green rollout. */
export const WEB_PLAN: StagePlan = {
  track: 'green',
  contenders: [{ step: WEB, next: webDeployment(), services: [], port: undefined }],
  copies: [],
  first: [],
};
