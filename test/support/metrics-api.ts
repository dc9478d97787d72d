// The metrics API (metrics.k8s.io) for tests with real autoscalers. It stands in for metrics-server, and is honest about what
// it does not do: nothing is measured. It asks the real cluster which pods there are and which of them the Service reaches at
// this moment, and shares a load that the test sets among those; pods without requests idle. What the autoscaler makes of
// that, and everything else, is the cluster's own doing.
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { KubeClient } from '../../lib/kube/client/kube-client.ts';
import { PODS } from '../../lib/kube/client/resource.ts';
import type { Resource } from '../../lib/kube/client/resource.ts';
import { readKubeconfig } from '../../lib/kube/kubeconfig.ts';
import type { KubeObject, Pod } from '../../lib/kube/objects.ts';
import { certifyLoopback, makeAuthority } from '../../tools/services/azure/certificates.ts';

const API_SERVICES: Resource = {
  apiVersion: 'apiregistration.k8s.io/v1',
  kind: 'APIService',
  plural: 'apiservices',
  namespaced: false,
};
const SERVICES: Resource = { apiVersion: 'v1', kind: 'Service', plural: 'services', namespaced: true };
const ENDPOINTS: Resource = { apiVersion: 'v1', kind: 'Endpoints', plural: 'endpoints', namespaced: true };

const GROUP = 'metrics.k8s.io';
const VERSION = 'v1beta1';
const REGISTRATION = { resource: API_SERVICES, namespace: undefined, name: `${VERSION}.${GROUP}` };
/** The process that serves the API, on its registration: one that no process serves any more is in everybody's way. */
const SERVED_BY = 'model-delivery-test/served-by';
/** The Service that leads the API server to this process, in the namespace of the test. */
const WAY = 'metrics-stand-in';
/** What a pod without requests uses, in thousandths of a CPU. */
const IDLE = 0;

/** The load on a Service, in thousandths of a CPU for all its pods together. */
export interface Load {
  readonly service: string;
  readonly milliCpu: number;
}

/** The metrics API of the cluster, as long as it is open. */
export class MetricsApi {
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #server: ReturnType<typeof createServer>;
  readonly #signal = AbortSignal.timeout(3_600_000);
  #load: Load = { service: '', milliCpu: 0 };

  private constructor(
    kubeconfig: string,
    namespace: string,
    identity: { readonly cert: string; readonly key: string },
  ) {
    this.#client = new KubeClient(readKubeconfig(kubeconfig));
    this.#namespace = namespace;
    this.#server = createServer(identity, (request, response) => {
      const answer = this.#answer(new URL(request.url ?? '/', 'https://localhost'));
      answer.then(
        (body) => {
          response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
          response.end(JSON.stringify(body ?? { kind: 'Status', code: 404 }));
        },
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
  }

  /** Serves the API on loopback and has the cluster know of it. */
  static async open(kubeconfig: string, namespace: string): Promise<MetricsApi> {
    const { certificate: cert, key } = await certifyLoopback(await makeAuthority('metrics stand-in'));
    const api = new MetricsApi(kubeconfig, namespace, { cert, key });
    api.#server.listen(0, '127.0.0.1');
    await once(api.#server, 'listening');
    await api.#register((api.#server.address() as AddressInfo).port);
    return api;
  }

  /** Puts this load on the pods that a Service reaches, from now on. */
  load(load: Load): void {
    this.#load = load;
  }

  /** Takes the API away: while it is registered and not served, the cluster would delete no namespace. */
  async close(): Promise<void> {
    await this.#client.remove(REGISTRATION, undefined, this.#signal);
    await this.#client.close();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #register(port: number): Promise<void> {
    await removeUnservedMetricsApi(this.#client, this.#signal);
    const service = { namespace: this.#namespace, name: WAY, port };
    await this.#create(SERVICES, WAY, {
      metadata: { name: WAY, namespace: this.#namespace },
      spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
    });
    await this.#create(API_SERVICES, REGISTRATION.name, {
      metadata: { name: REGISTRATION.name, annotations: { [SERVED_BY]: String(process.pid) } },
      spec: {
        group: GROUP,
        version: VERSION,
        service,
        insecureSkipTLSVerify: true,
        groupPriorityMinimum: 100,
        versionPriority: 100,
      },
    });
  }

  async #create(resource: Resource, name: string, object: object): Promise<void> {
    const { apiVersion, kind, namespaced } = resource;
    const ref = { resource, namespace: namespaced ? this.#namespace : undefined, name };
    await this.#client.create(ref, { apiVersion, kind, ...object } as KubeObject, this.#signal);
  }

  async #answer(url: URL): Promise<object | undefined> {
    const root = `/apis/${GROUP}/${VERSION}`;
    if (url.pathname === root) return DISCOVERY;
    const [, namespace] = /^\/namespaces\/([^/]+)\/pods$/.exec(url.pathname.replace(root, '')) ?? [];
    if (namespace === undefined) return undefined;
    const selector = url.searchParams.get('labelSelector') ?? '';
    const { items } = await this.#client.list(PODS, namespace, { labelSelector: selector }, this.#signal);
    const reached = await this.#reached(namespace);
    // Autoscalers reckon in whole thousandths, and round up.
    const share = Math.floor(this.#load.milliCpu / Math.max(1, reached.size));
    const running = (items as readonly Pod[]).filter(({ status }) => status?.phase === 'Running');
    return {
      kind: 'PodMetricsList',
      apiVersion: `${GROUP}/${VERSION}`,
      metadata: {},
      items: running.map((pod) => metricsOf(pod, reached.has(pod.metadata.name) ? share : IDLE)),
    };
  }

  /** The names of the pods that the Service sends requests to now. */
  async #reached(namespace: string): Promise<ReadonlySet<string>> {
    const ref = { resource: ENDPOINTS, namespace, name: this.#load.service };
    const { subsets = [] } = ((await this.#client.get(ref, this.#signal)) ?? {}) as {
      readonly subsets?: readonly {
        readonly addresses?: readonly { readonly targetRef?: { readonly name: string } }[];
      }[];
    };
    const addresses = subsets.flatMap(({ addresses = [] }) => addresses);
    return new Set(addresses.flatMap(({ targetRef }) => targetRef?.name ?? []));
  }
}

const DISCOVERY = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: `${GROUP}/${VERSION}`,
  resources: [{ name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs: ['get', 'list'] }],
};

function metricsOf({ metadata: { name, namespace, labels }, spec }: Pod, milliCpu: number): object {
  const [first] = spec.containers;
  return {
    metadata: { name, namespace, labels },
    timestamp: new Date().toISOString(),
    window: '1s',
    // The first container does all the work.
    containers: spec.containers.map((container) => ({
      name: container.name,
      usage: { cpu: container === first ? `${milliCpu}m` : '0', memory: '1Mi' },
    })),
  };
}

/** Takes away what a test process that was killed has left registered. */
export async function removeUnservedMetricsApi(client: KubeClient, signal: AbortSignal): Promise<void> {
  const live = await client.get(REGISTRATION, signal);
  const process = live?.metadata.annotations?.[SERVED_BY];
  if (process !== undefined && !isRunning(Number(process)))
    await client.remove(REGISTRATION, live?.metadata.uid, signal);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
