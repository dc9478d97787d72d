// Which rights requests to the API server take, as its authorizer sees them: what a Role must hold, and no more.
import { RequestProxy } from './request-proxy.ts';
import type { SeenRequest } from './request-proxy.ts';

/** One verb on one resource, such as `patch deployments.apps` or `get pods/log`. */
export type UsedRight = string;

/** A rule of a Role. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** Stands before the API server, and notes the right that each request takes. */
export class RightsRecorder {
  readonly #proxy: RequestProxy;
  readonly #used = new Set<UsedRight>();

  private constructor(proxy: RequestProxy) {
    this.#proxy = proxy;
    proxy.hooks = {
      after: (request, status) => {
        for (const right of rightsOf(request, status)) this.#used.add(right);
      },
    };
  }

  static async start(server: string, ca: string | undefined): Promise<RightsRecorder> {
    return new RightsRecorder(await RequestProxy.start(server, {}, ca));
  }

  get origin(): string {
    return this.#proxy.origin;
  }

  /** All rights that were used so far, in order. */
  get used(): readonly UsedRight[] {
    return [...this.#used].sort();
  }

  async stop(): Promise<void> {
    await this.#proxy.stop();
  }
}

/** Each verb on each resource that rules allow, in order. */
export function rightsIn(rules: readonly Rule[]): readonly UsedRight[] {
  return rules
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) => resources.flatMap((one) => verbs.map((verb) => rightOf(verb, one, group)))),
    )
    .sort();
}

/** The same rules without one verb on one resource. */
export function withoutRight(rules: readonly Rule[], right: UsedRight): readonly Rule[] {
  return rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.map((one) => ({
        apiGroups: [group],
        resources: [one],
        verbs: verbs.filter((verb) => rightOf(verb, one, group) !== right),
      })),
    ),
  );
}

function rightOf(verb: string, resource: string, group: string): UsedRight {
  return `${verb} ${resource}${group === '' ? '' : `.${group}`}`;
}

const RESOURCE =
  /^\/(?:api|apis\/(?<group>[^/]+))\/v[^/]+\/(?:namespaces\/[^/]+\/(?=.))?(?<plural>[^/]+)(?:\/(?<name>[^/]+)(?:\/(?<sub>[^/]+))?)?/;
const VERBS: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/**
 * The rights that a request takes (kubernetes.io/docs/reference/access-authn-authz/authorization, "Determine the request
 * verb"). An apply that makes its object takes `create` besides `patch`. Discovery takes none of a Role.
 */
function rightsOf({ method, url }: SeenRequest, status: number): readonly UsedRight[] {
  const { pathname, searchParams } = new URL(url, 'http://server');
  const { group = '', plural, name, sub } = RESOURCE.exec(pathname)?.groups ?? {};
  if (plural === undefined) return [];
  const resource = sub === undefined ? plural : `${plural}/${sub}`;
  const isWatch = ['1', 'true'].includes(searchParams.get('watch') ?? '');
  const reading = isWatch ? 'watch' : name === undefined ? 'list' : 'get';
  const writing = VERBS[method] ?? method;
  const verb = method === 'GET' ? reading : name === undefined && writing === 'delete' ? 'deletecollection' : writing;
  const makes = method === 'PATCH' && status === 201 ? ['create'] : [];
  return [verb, ...makes].map((one) => rightOf(one, resource, group));
}
