import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryError } from '../../errors/delivery-error.ts';
import { ApiError } from '../client/api-error.ts';
import { finishing } from '../client/finishing.ts';
import type { KubeClient } from '../client/kube-client.ts';
import { LEASES } from '../client/resource.ts';
import type { ObjectRef } from '../client/resource.ts';
import { isUnreached } from '../client/until-reached.ts';
import type { KubeObject } from '../objects.ts';
import type { RolloutReporter } from '../reporter.ts';
import { describeApplication, keptName } from './application.ts';
import type { Application } from './application.ts';

/** A holder that has not renewed its lease for so long, in seconds, is dead, and whoever comes next takes over. */
export const LEASE_SECONDS = 30;
const RENEW_EVERY = 7_000;
/** Nothing is written on a lease older than this, in milliseconds: the request may be under way for a while. */
const FRESH = (LEASE_SECONDS - 10) * 1000;
const RENEW_LIMIT = 5_000;
const LOOK_EVERY = 1_000;
/** How long a claim that is under way may go on after the run was told to stop, in milliseconds. */
const FINISH = 1_000;
/** Clocks of API servers, and of their answers, are that exact: milliseconds. */
const CLOCK_ERROR = 3_000;

/** A lease of `coordination.k8s.io`. */
interface LeaseObject extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export interface TakeOptions {
  /** Who takes it, for those who have to wait: `shop 20261125.3, job Deploy`. */
  readonly holder: string;
  /** How long to wait for another holder, in milliseconds; 0 fails at once. */
  readonly patienceMs: number;
  readonly reporter: RolloutReporter;
  readonly signal: AbortSignal;
}

/**
 * The right to change an application, which one run at a time has. It is renewed until it is released; one that dies
 * holds it for {@link LEASE_SECONDS} more. Times in it are those of the API server's clock, so that wrong clocks of
 * agents do no harm.
 */
export class Lease {
  readonly #client: KubeClient;
  readonly #ref: ObjectRef;
  readonly #application: Application;
  readonly #lost = new AbortController();
  #live: LeaseObject;
  /** When the last renewal that succeeded was sent, by this process's own clock. */
  #renewedAt: number;
  #timer: NodeJS.Timeout | undefined;
  #renewal: Promise<void> | undefined;

  private constructor(client: KubeClient, application: Application, live: LeaseObject, takenAt: number) {
    this.#client = client;
    this.#application = application;
    this.#ref = refOf(application);
    this.#live = live;
    this.#renewedAt = takenAt;
    this.#renewLater();
  }

  /**
   * Takes the lease, and waits for whoever has it.
   *
   * @param client one of its own, so that renewals do not wait for the lease themselves
   * @throws DeliveryError `APPLICATION_BUSY`, which names the holder; ApiError
   */
  static async take(client: KubeClient, application: Application, options: TakeOptions): Promise<Lease> {
    const { holder, patienceMs, reporter, signal } = options;
    const identity = `${holder} #${randomBytes(4).toString('hex')}`;
    const watcher = new HolderWatcher();
    const end = performance.now() + patienceMs;
    for (;;) {
      const takenAt = performance.now();
      const live = await finishing(signal, FINISH, (end) => claim(client, refOf(application), identity, watcher, end));
      if (live !== undefined && holderOf(live) === identity) {
        const lease = new Lease(client, application, live, takenAt);
        if (!signal.aborted) return lease;
        await lease.release();
      }
      signal.throwIfAborted();
      if (live !== undefined) {
        if (performance.now() >= end) throw busy(application, live);
        if (watcher.isNew(live))
          reporter.line(`Waiting: ${nameOf(live)} is rolling out the ${describeApplication(application)}`);
      }
      await sleep(live === undefined ? 0 : LOOK_EVERY, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  /** Aborts when another run has taken over; its reason is a {@link DeliveryError} `LEASE_LOST`. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Resolves when something may be written: at once as a rule, later if the lease must be renewed first. */
  async permit(signal: AbortSignal): Promise<void> {
    for (;;) {
      this.lost.throwIfAborted();
      if (this.#isFresh()) return;
      await this.#renew();
      if (!this.#isFresh()) await sleep(500, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  /** Lets the next one in. If the cluster cannot be reached, the lease runs out by itself. */
  async release(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#renewal;
    clearTimeout(this.#timer);
    if (this.lost.aborted || !this.#isFresh()) return;
    await this.#client
      .remove(this.#ref, this.#live.metadata.uid, AbortSignal.timeout(RENEW_LIMIT))
      .catch(() => undefined);
  }

  #isFresh(): boolean {
    return performance.now() - this.#renewedAt < FRESH;
  }

  #renewLater(): void {
    this.#timer = setTimeout(() => void this.#renew(), RENEW_EVERY).unref();
  }

  /** Renews it, once for all who ask at the same time. */
  async #renew(): Promise<void> {
    clearTimeout(this.#timer);
    this.#renewal ??= this.#renewNow().finally(() => {
      this.#renewal = undefined;
      if (!this.lost.aborted) this.#renewLater();
    });
    await this.#renewal;
  }

  async #renewNow(): Promise<void> {
    const sentAt = performance.now();
    const signal = AbortSignal.timeout(RENEW_LIMIT);
    try {
      this.#live = await this.#client.replace(this.#ref, renewed(this.#live, this.#client.now()), signal);
      this.#renewedAt = sentAt;
    } catch (error) {
      // Whatever else it is, such as an API server that is restarted, the next attempt will show.
      if (!(error instanceof ApiError && [404, 409].includes(error.status))) return;
      await this.#lookAgain(signal).catch(() => undefined);
    }
  }

  /** Somebody else wrote the lease: took it over, or only put a label on it. */
  async #lookAgain(signal: AbortSignal): Promise<void> {
    const live = (await this.#client.get(this.#ref, signal)) as LeaseObject | undefined;
    if (live !== undefined && holderOf(live) === holderOf(this.#live)) this.#live = live;
    else this.#lost.abort(lost(this.#application, live));
  }
}

/** When a holder was last heard of, also by a watcher whose picture of the server's clock is wrong. */
class HolderWatcher {
  #version: string | undefined;
  #holder: string | undefined;
  #seenAt = performance.now();

  /** Whether this holder was not there at the last look. */
  isNew(live: LeaseObject): boolean {
    const isNew = holderOf(live) !== this.#holder;
    this.#holder = holderOf(live);
    return isNew;
  }

  isDead(live: LeaseObject, now: Date): boolean {
    const { renewTime = '', leaseDurationSeconds = LEASE_SECONDS } = live.spec ?? {};
    const patience = leaseDurationSeconds * 1000 + CLOCK_ERROR;
    if (live.metadata.resourceVersion !== this.#version) {
      this.#version = live.metadata.resourceVersion;
      this.#seenAt = performance.now();
    }
    const age = now.getTime() - Date.parse(renewTime);
    return holderOf(live) === '' || age > patience || performance.now() - this.#seenAt > patience;
  }
}

/** Tries to become the holder. Returns the lease as it is afterwards; undefined if it is just being released. */
async function claim(
  client: KubeClient,
  ref: ObjectRef,
  identity: string,
  watcher: HolderWatcher,
  signal: AbortSignal,
): Promise<LeaseObject | undefined> {
  try {
    return await client.create(ref, newLease(ref, identity, client.now()), signal);
  } catch (error) {
    // There is one already; or the answer was lost on its way, and there is one now that is ours.
    if (!isConflict(error) && !isUnreached(error)) throw error;
  }
  const live = (await client.get(ref, signal)) as LeaseObject | undefined;
  if (live === undefined || !watcher.isDead(live, client.now())) return live;
  try {
    return await client.replace(ref, takenOver(live, identity, client.now()), signal);
  } catch (error) {
    if (!isConflict(error)) throw error;
    return undefined;
  }
}

function refOf(application: Application): ObjectRef {
  return { resource: LEASES, namespace: application.namespace, name: keptName(application) };
}

function newLease({ name, namespace }: ObjectRef, holderIdentity: string, now: Date): KubeObject {
  const [acquireTime, renewTime] = [microTime(now), microTime(now)];
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  const spec = { holderIdentity, leaseDurationSeconds: LEASE_SECONDS, acquireTime, renewTime, leaseTransitions: 0 };
  return { apiVersion: LEASES.apiVersion, kind: LEASES.kind, metadata, spec };
}

function renewed(live: LeaseObject, now: Date): LeaseObject {
  return { ...live, spec: { ...live.spec, renewTime: microTime(now) } };
}

function takenOver(live: LeaseObject, holderIdentity: string, now: Date): LeaseObject {
  const leaseTransitions = (live.spec?.leaseTransitions ?? 0) + 1;
  const times = { acquireTime: microTime(now), renewTime: microTime(now) };
  return { ...live, spec: { holderIdentity, leaseDurationSeconds: LEASE_SECONDS, leaseTransitions, ...times } };
}

/** The API takes these times only with six digits after the point. */
function microTime(time: Date): string {
  return time.toISOString().replace('Z', '000Z');
}

function holderOf({ spec }: LeaseObject): string {
  return spec?.holderIdentity ?? '';
}

/** The holder as people know it. */
function nameOf(live: LeaseObject): string {
  return holderOf(live).replace(/ #[0-9a-f]{8}$/, '');
}

function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409;
}

function busy(application: Application, live: LeaseObject): DeliveryError {
  const since = live.spec?.acquireTime?.replace(/\.\d+Z$/, 'Z') ?? 'a while ago';
  return new DeliveryError('APPLICATION_BUSY', {
    message: `The ${describeApplication(application)} is being rolled out by ${nameOf(live)}, since ${since}.`,
    remedy: 'Run again when that is done, or give it more waitForOtherRunMinutes.',
  });
}

function lost(application: Application, live: LeaseObject | undefined): DeliveryError {
  const taker = live === undefined ? 'somebody who removed its Lease' : nameOf(live);
  return new DeliveryError('LEASE_LOST', {
    message: `The ${describeApplication(application)} was taken over by ${taker}, because this run had been out of contact with the cluster for too long.`,
    remedy: 'This run has stopped where it was. The other one goes on from there: see what came of it.',
  });
}
