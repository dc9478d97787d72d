import type { DeliveryError } from '../../errors/delivery-error.ts';
import type { ClusterAccess } from '../cluster-access.ts';
import type { KubeObject } from '../objects.ts';
import { ApiError, explainMissing, explainRefusal } from './api-error.ts';
import type { Asked, Intent } from './api-error.ts';
import { ACCESS_REVIEWS, collectionPath, groupOf, objectPath, RULES_REVIEWS } from './resource.ts';
import type { ObjectRef, Resource } from './resource.ts';
import { Transport } from './transport.ts';
import type { ApiRequest, ReachedThrough, TransportOptions } from './transport.ts';

/** The field manager under which everything is applied. */
export const FIELD_MANAGER = 'model-delivery';

/** API groups whose kinds own pods. */
const OWNERS = ['apps', 'batch'];

/** Objects of one list page; large enough for nearly every namespace, small enough for any API server. */
const PAGE = 500;

/** What a list gives: the objects and the version from which a watch goes on. */
export interface Listing {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
}

export interface ClientOptions extends TransportOptions {
  /** Under whose name fields are written. */
  readonly fieldManager?: string;
  /** Awaited before anything is written, and before each attempt of it; what it throws stops the write. */
  readonly beforeWrite?: (signal: AbortSignal) => Promise<void>;
}

export interface ApplyOptions {
  readonly dryRun: boolean;
  /** Take over fields that belong to other managers. */
  readonly force: boolean;
}

/** How long one stream of a watch lasts. */
export interface Turn {
  readonly seconds: number;
  readonly idleSeconds?: number;
  readonly signal: AbortSignal;
}

/** A port that a pod listens on. */
export interface PodPort {
  readonly port: number;
  readonly isTls: boolean;
}

/** Something that may be done, or not: what a Role allows. */
export interface Right {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';
  readonly resource: Resource;
  readonly namespace: string | undefined;
  /** Only for the object of this name. */
  readonly name?: string | undefined;
}

/** A rule by which somebody may do something. `*` stands for all. */
export interface AccessRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  /** Only for objects of these names. */
  readonly resourceNames?: readonly string[];
}

/** What the cluster says of a right that whoever asks does not have. */
export interface Denial {
  readonly right: Right;
  /** Why, in the words of who decides; mostly empty. */
  readonly reason: string;
}

/** One change of a watched object; a bookmark only carries the version reached. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject;
}

/**
 * The calls of the Kubernetes API that a rollout needs, each typed and named after what it does. Refusals come as
 * {@link ApiError}, so that the caller can say what they mean; missing objects are `undefined`.
 */
export class KubeClient {
  readonly #transport: Transport;
  readonly #fieldManager: string;
  /** What requests that write have in common. */
  readonly #writing: Pick<ApiRequest, 'permit'>;
  readonly #rules = new Map<string, readonly AccessRule[]>();

  constructor(access: ClusterAccess, { fieldManager = FIELD_MANAGER, beforeWrite, ...options }: ClientOptions = {}) {
    this.#transport = new Transport(access, options);
    this.#fieldManager = fieldManager;
    this.#writing = beforeWrite === undefined ? {} : { permit: beforeWrite };
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  /** What the API server's clock shows, to the second. */
  now(): Date {
    return this.#transport.serverTime();
  }

  /** A document of the API itself, such as a discovery list; undefined where the server has none. */
  async document<T>(path: string, signal: AbortSignal): Promise<T | undefined> {
    const asked = { verb: 'get', resource: path };
    return (await orUndefined(this.#transport.json({ method: 'GET', path, asked, signal }))) as T | undefined;
  }

  async get(ref: ObjectRef, signal: AbortSignal): Promise<KubeObject | undefined> {
    const asked = askedOf('get', ref);
    return orUndefined(this.#object({ method: 'GET', path: objectPath(ref), asked, signal }));
  }

  /**
   * Server-side apply (kubernetes.io/docs/reference/using-api/server-side-apply). One that makes its object takes the right
   * to `create` it too, dry run or not.
   */
  async apply(ref: ObjectRef, object: KubeObject, options: ApplyOptions, signal: AbortSignal): Promise<KubeObject> {
    const applied = this.#object({
      method: 'PATCH',
      path: objectPath(ref),
      query: {
        fieldManager: this.#fieldManager,
        force: String(options.force),
        // Servers before 1.25 do not know it, and refuse unknown fields in an apply anyway.
        fieldValidation: 'Strict',
        ...(options.dryRun ? { dryRun: 'All' } : {}),
      },
      body: object,
      contentType: 'application/apply-patch+yaml',
      asked: askedOf('patch', ref),
      ...(options.dryRun ? {} : this.#writing),
      signal,
    });
    return applied.catch((error: unknown) => {
      throw error instanceof ApiError && error.lacksCreate ? error.about(askedOf('create', ref)) : error;
    });
  }

  async create(ref: ObjectRef, object: KubeObject, signal: AbortSignal): Promise<KubeObject> {
    const path = collectionPath(ref.resource, ref.namespace);
    const query = { fieldManager: this.#fieldManager };
    const asked = askedOf('create', ref);
    return this.#object({ method: 'POST', path, query, body: object, asked, ...this.#writing, signal });
  }

  /** Writes a whole object; its `resourceVersion` makes the write fail with 409 if somebody else was faster. */
  async replace(ref: ObjectRef, object: KubeObject, signal: AbortSignal): Promise<KubeObject> {
    const path = objectPath(ref);
    const query = { fieldManager: this.#fieldManager };
    const asked = askedOf('update', ref);
    return this.#object({ method: 'PUT', path, query, body: object, asked, ...this.#writing, signal });
  }

  async patchJson(ref: ObjectRef, operations: readonly unknown[], signal: AbortSignal): Promise<KubeObject> {
    return this.#object({
      method: 'PATCH',
      path: objectPath(ref),
      query: { fieldManager: this.#fieldManager },
      body: operations,
      contentType: 'application/json-patch+json',
      asked: askedOf('patch', ref),
      ...this.#writing,
      signal,
    });
  }

  /**
   * Deletes exactly the object with this uid; a workload stays visible until its pods are gone, unless they are left to be
   * collected in the background. Nothing to delete is fine.
   */
  async remove(
    ref: ObjectRef,
    uid: string | undefined,
    signal: AbortSignal,
    propagationPolicy = OWNERS.includes(groupOf(ref.resource.apiVersion)) ? 'Foreground' : 'Background',
  ): Promise<void> {
    await orUndefined(
      this.#transport.json({
        method: 'DELETE',
        path: objectPath(ref),
        body: {
          kind: 'DeleteOptions',
          apiVersion: 'v1',
          propagationPolicy,
          ...(uid === undefined ? {} : { preconditions: { uid } }),
        },
        asked: askedOf('delete', ref),
        ...this.#writing,
        signal,
      }),
    );
  }

  /**
   * What may be done in a namespace, as rules of all its Roles: what they allow is allowed, but where others than Roles decide
   * as well, there may be more (kubernetes.io/docs/reference/access-authn-authz/authorization, "Checking API access"). Asked
   * for once.
   */
  async rulesIn(namespace: string, signal: AbortSignal): Promise<readonly AccessRule[]> {
    const known = this.#rules.get(namespace);
    if (known !== undefined) return known;
    const status = await this.#reviewed(RULES_REVIEWS, { namespace }, signal);
    const { resourceRules = [] } = status as { readonly resourceRules?: readonly AccessRule[] };
    this.#rules.set(namespace, resourceRules);
    return resourceRules;
  }

  /**
   * Asks whether a right is there, without doing anything. Undefined if it is, and where the cluster does not say: then doing it
   * will show.
   */
  async denialOf(right: Right, signal: AbortSignal): Promise<Denial | undefined> {
    const { verb, resource, namespace, name } = right;
    const attributes = { verb, group: groupOf(resource.apiVersion), resource: resource.plural, namespace, name };
    const status = await this.#reviewed(ACCESS_REVIEWS, { resourceAttributes: attributes }, signal);
    const { allowed = true, reason = '' } = status as { readonly allowed?: boolean; readonly reason?: string };
    return allowed ? undefined : { right, reason };
  }

  /** The status of a review of one's own rights; empty where the cluster gives none. */
  async #reviewed(resource: Resource, spec: object, signal: AbortSignal): Promise<object> {
    const { apiVersion, kind } = resource;
    try {
      const { status } = await this.#object({
        method: 'POST',
        path: collectionPath(resource, undefined),
        body: { apiVersion, kind, spec },
        asked: askedOf('create', { resource }),
        signal,
      });
      return status ?? {};
    } catch {
      signal.throwIfAborted();
      return {};
    }
  }

  /** All objects of a kind in a namespace, page by page. */
  async list(
    resource: Resource,
    namespace: string | undefined,
    selector: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Listing> {
    const items: KubeObject[] = [];
    let query: Readonly<Record<string, string>> = { ...selector, limit: String(PAGE) };
    for (;;) {
      const page = (await this.#transport.json({
        method: 'GET',
        path: collectionPath(resource, namespace),
        query,
        asked: askedOf('list', { resource, namespace }),
        signal,
      })) as ListPage;
      // Items of a list do not carry what they are; the list does.
      items.push(...page.items.map((item) => ({ ...item, apiVersion: resource.apiVersion, kind: resource.kind })));
      if ((page.metadata.continue ?? '') === '') return { items, resourceVersion: page.metadata.resourceVersion };
      query = { ...selector, limit: String(PAGE), continue: page.metadata.continue ?? '' };
    }
  }

  /**
   * The changes of a kind from a version on, until the server ends the stream after `seconds`, as it does in turn.
   * A stream that is silent for `idleSeconds`, or an unreadable line, is an error; the caller goes on from where it was.
   */
  async *watch(
    resource: Resource,
    namespace: string | undefined,
    query: Readonly<Record<string, string>>,
    { seconds, idleSeconds, signal }: Turn,
  ): AsyncGenerator<WatchEvent> {
    const stream = await this.#transport.stream({
      method: 'GET',
      path: collectionPath(resource, namespace),
      query: { ...query, watch: '1', allowWatchBookmarks: 'true', timeoutSeconds: String(seconds) },
      asked: askedOf('watch', { resource, namespace }),
      ...(idleSeconds === undefined ? {} : { idleLimit: idleSeconds * 1000 }),
      signal,
    });
    for await (const line of linesOf(stream)) yield JSON.parse(line) as WatchEvent;
  }

  /** The last lines that a container wrote; of its previous run if `previous`. Empty where there is no log. */
  async log(
    ref: ObjectRef,
    container: string,
    { previous, lines }: { readonly previous: boolean; readonly lines: number },
    signal: AbortSignal,
  ): Promise<string> {
    const stream = await this.#transport.stream({
      method: 'GET',
      path: `${objectPath(ref)}/log`,
      query: { container, previous: String(previous), tailLines: String(lines), limitBytes: '65536' },
      asked: { ...askedOf('get', ref), resource: 'pods/log' },
      signal,
    });
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    return text;
  }

  /** How a port of a pod is reached through the API server; the Role must allow `get` and `create` on `pods/proxy`. */
  async podAddress(ref: ObjectRef, { port, isTls }: PodPort): Promise<ReachedThrough> {
    const path = objectPath({ ...ref, name: `${isTls ? 'https:' : ''}${ref.name}:${port}` });
    return this.#transport.reach(`${path}/proxy`);
  }

  async #object(request: ApiRequest): Promise<KubeObject> {
    return (await this.#transport.json(request)) as KubeObject;
  }
}

interface ListPage {
  readonly items: readonly KubeObject[];
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
}

/** The error of rights that are missing, all of them, before anything was tried that needs them. */
export function rightsMissing(denials: readonly Denial[], remedy?: string): DeliveryError {
  const asked = denials.map(({ right: { verb, resource, namespace } }) => askedOf(verb, { resource, namespace }));
  return explainMissing(asked, denials.map(({ reason }) => reason).join(' '), remedy);
}

/** Ends a failed call with what its refusal means in general. */
export function explained(error: unknown, intent: Intent = 'rollout'): unknown {
  return error instanceof ApiError ? explainRefusal(error, intent) : error;
}

function askedOf(verb: string, ref: { readonly resource: Resource } & Partial<ObjectRef>): Asked {
  const group = groupOf(ref.resource.apiVersion);
  const resource = group === '' ? ref.resource.plural : `${ref.resource.plural}.${group}`;
  return { verb, resource, namespace: ref.namespace, name: ref.name };
}

async function orUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404 && !error.missesNamespace) return undefined;
    throw error;
  }
}

/** No event is larger: etcd keeps no object above 1.5 MiB. */
const MAX_LINE = 16 * 1024 * 1024;

async function* linesOf(stream: AsyncIterable<unknown>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    rest += decoder.decode(chunk as Buffer, { stream: true });
    if (rest.length > MAX_LINE) throw new Error(`a watch event is larger than ${MAX_LINE} characters`);
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield line;
  }
}
