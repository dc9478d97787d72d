import type { Deployment } from '../../../../lib/kube/strategies/deployment.ts';
import type { Service } from '../../../../lib/kube/strategies/service.ts';

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
