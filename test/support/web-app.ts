// A small application for tests of rollouts: a web server, its settings, and the Service in front of it.

export interface WebParts {
  readonly command?: string;
  readonly replicas?: number;
  readonly image?: string;
  /** Lines for the container, indented by ten. */
  readonly extra?: string;
  /** Lines for the pod, indented by six. */
  readonly pod?: string;
  /** Lines for the Deployment, indented by two. */
  readonly spec?: string;
  /** Path that the readiness probe asks for. */
  readonly path?: string;
}

/** What the web server of the test image runs. */
export const SERVE = '/bin/busybox httpd -f -p 8080 -h /www';

/** The manifest of a small web server. */
export function web({
  command = SERVE,
  replicas = 2,
  image = 'app',
  extra = '',
  pod = '',
  spec = '',
  path = '/',
}: WebParts = {}): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
${spec}  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
${pod}      containers:
        - name: app
          image: ${image}
          command: [sh, -c, ${JSON.stringify(command)}]
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: ${path}, port: 8080}, periodSeconds: 1, timeoutSeconds: 5}
${extra}`;
}

/** A ConfigMap beside it. */
export const SETTINGS = `---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {greeting: hello}
`;
/** A Service in front of it. */
export const BALANCER = `---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
`;

/** The whole application. */
export const APP = web() + SETTINGS + BALANCER;
