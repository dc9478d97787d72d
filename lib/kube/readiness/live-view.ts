import { unlessAborted } from '../../http/unless-aborted.ts';
import { ApiError } from '../client/api-error.ts';
import { follow } from '../client/follow.ts';
import type { Followed } from '../client/follow.ts';
import { explained } from '../client/kube-client.ts';
import type { KubeClient } from '../client/kube-client.ts';
import { EVENTS, PODS, REPLICA_SETS } from '../client/resource.ts';
import type { ObjectRef, Resource } from '../client/resource.ts';
import { untilReached } from '../client/until-reached.ts';
import { countOf } from '../objects.ts';
import type { KubeEvent, KubeObject, Pod } from '../objects.ts';
import type { Surroundings } from './verdict.ts';

/** Contact that is lost for longer than this, in milliseconds, is worth a line in the log. */
const SILENCE = 10_000;

/**
 * What the cluster looks like right now around some objects: a picture that watches keep up to date. Whoever waits
 * for something looks at the picture again after each {@link changed}.
 */
export class LiveView {
  readonly #client: KubeClient;
  readonly #lost: (error: unknown) => void;
  readonly #stop = new AbortController();
  readonly #pictures = new Map<string, Map<string, KubeObject>>();
  readonly #namespaces = new Set<string>();
  readonly #olderEvents = new Map<string, number>();
  #wake: () => void = () => undefined;
  #end: unknown;
  #silentSince: number | undefined;
  #hidesEvents = false;

  /** @param lost told when contact to the cluster has been lost for a while */
  constructor(client: KubeClient, lost: (error: unknown) => void) {
    this.#client = client;
    this.#lost = lost;
  }

  /**
   * Begins to follow the objects and, in their namespaces, pods, replica sets and events. Events that are there
   * already belong to the past and are not shown. Returns once everything has been seen once; may be called again for
   * more objects.
   */
  async open(refs: readonly ObjectRef[]): Promise<void> {
    const wanted = new Set(refs.flatMap(({ namespace }) => namespace ?? []));
    const namespaces = [...wanted].filter((namespace) => !this.#namespaces.has(namespace));
    for (const namespace of namespaces) this.#namespaces.add(namespace);
    try {
      await Promise.all([
        ...narrowed(refs).map((followed) => this.#follow(followed)),
        ...namespaces.flatMap((namespace) => [
          this.#follow({ resource: PODS, namespace }),
          this.#follow({ resource: REPLICA_SETS, namespace }),
          this.#followEvents(namespace),
        ]),
      ]);
    } catch (error) {
      // The next attempt begins anew.
      for (const namespace of namespaces) this.#namespaces.delete(namespace);
      throw error;
    }
    this.#settle((event) => namespaces.includes(event.metadata.namespace ?? ''));
  }

  /** The same, however long the API server is away; `signal` ends the attempts. */
  async openWhenReached(refs: readonly ObjectRef[], signal: AbortSignal): Promise<void> {
    await untilReached(() => unlessAborted(this.open(refs), signal), signal);
  }

  /** From now on, all events that there are belong to the past: what comes next is not their fault. */
  settle(): void {
    this.#settle(() => true);
  }

  #settle(past: (event: KubeEvent) => boolean): void {
    for (const event of this.#events().filter(past)) this.#olderEvents.set(keyOf(event), countOf(event));
  }

  /** One followed object as it is now; undefined if it is not there. */
  object({ resource, namespace, name }: ObjectRef): KubeObject | undefined {
    return this.#pictures.get(pictureOf(resource, namespace))?.get(`${namespace ?? ''}/${name}`);
  }

  /** Everything else that is followed. */
  around(): Surroundings {
    return {
      pods: this.#all(PODS) as readonly Pod[],
      replicaSets: this.#all(REPLICA_SETS),
      events: this.#events()
        .filter((event) => countOf(event) > (this.#olderEvents.get(keyOf(event)) ?? 0))
        .sort((one, other) => timeOf(one).localeCompare(timeOf(other))),
    };
  }

  /** Resolves at the next change, or after `ms` milliseconds at the latest. Throws what ended the following. */
  async changed(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#end !== undefined) this.#wake();
    });
    if (this.#end !== undefined) throw explained(this.#end);
  }

  /** Whether the account may not see events, so that causes which only they tell stay unknown. */
  get hidesEvents(): boolean {
    return this.#hidesEvents;
  }

  close(): void {
    this.#stop.abort();
  }

  /** Events only sharpen what is told of a failure; a role that does not show them must not stop a rollout. */
  async #followEvents(namespace: string): Promise<void> {
    const unlessForbidden = (error: unknown): void => {
      if (!(error instanceof ApiError && error.status === 403)) throw error;
      this.#hidesEvents = true;
    };
    await this.#follow({ resource: EVENTS, namespace }, unlessForbidden).catch(unlessForbidden);
  }

  /** @param final told what ended the following; what it throws ends the view */
  async #follow(followed: Followed, final = rethrown): Promise<void> {
    const picture = pictureOf(followed.resource, followed.namespace);
    const put = (object: KubeObject): void => {
      this.#of(picture).set(keyOf(object), object);
    };
    const { ended } = await follow(
      this.#client,
      followed,
      {
        all: (objects) => {
          const kept = new Set(objects.map(keyOf));
          for (const [key, object] of this.#of(picture)) {
            const mine = followed.name === undefined || object.metadata.name === followed.name;
            if (mine && !kept.has(key)) this.#of(picture).delete(key);
          }
          objects.forEach(put);
          this.#changed();
        },
        changed: (object) => {
          put(object);
          this.#changed();
        },
        gone: (object) => {
          this.#of(picture).delete(keyOf(object));
          this.#changed();
        },
        lost: (error) => this.#silent(error),
      },
      this.#stop.signal,
    );
    ended.catch(final).catch((error: unknown) => {
      this.#end = error;
      this.#wake();
    });
  }

  #changed(): void {
    this.#silentSince = undefined;
    this.#wake();
  }

  #silent(error: unknown): void {
    this.#silentSince ??= Date.now();
    if (Date.now() - this.#silentSince < SILENCE) return;
    this.#silentSince = undefined;
    this.#lost(error);
  }

  #of(picture: string): Map<string, KubeObject> {
    const objects = this.#pictures.get(picture) ?? new Map<string, KubeObject>();
    this.#pictures.set(picture, objects);
    return objects;
  }

  #events(): readonly KubeEvent[] {
    return this.#all(EVENTS) as readonly KubeEvent[];
  }

  #all(resource: Resource): readonly KubeObject[] {
    const prefix = pictureOf(resource, '');
    const pictures = [...this.#pictures].filter(([picture]) => picture.startsWith(prefix));
    return pictures.flatMap(([, objects]) => [...objects.values()]);
  }
}

/** One watch for each kind and namespace; of a single object, a watch of just that. */
function narrowed(refs: readonly ObjectRef[]): readonly Followed[] {
  const groups = new Map<string, readonly ObjectRef[]>();
  for (const ref of refs) {
    const key = pictureOf(ref.resource, ref.namespace);
    groups.set(key, [...(groups.get(key) ?? []), ref]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    // Pods and replica sets are followed anyway, all of them.
    if (first === undefined || first.resource.plural === 'pods' || first.resource.plural === 'replicasets') return [];
    const { resource, namespace } = first;
    return [{ resource, namespace, name: group.length === 1 ? first.name : undefined }];
  });
}

function pictureOf({ apiVersion, plural }: Resource, namespace: string | undefined): string {
  return `${apiVersion}/${plural}:${namespace ?? ''}`;
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function timeOf({ lastTimestamp, eventTime, metadata }: KubeEvent): string {
  return lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '';
}

function rethrown(error: unknown): void {
  throw error;
}
