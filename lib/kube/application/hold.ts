import { explained } from '../client/kube-client.ts';
import type { KubeClient } from '../client/kube-client.ts';
import { SECRETS } from '../client/resource.ts';
import type { ObjectRef } from '../client/resource.ts';
import { keptName } from './application.ts';
import type { Application } from './application.ts';
import { Lease } from './lease.ts';
import type { TakeOptions } from './lease.ts';
import { NO_RECORD } from './record.ts';
import type { ApplicationRecord, Run } from './record.ts';
import { recordOf, secretOf } from './record-secret.ts';

export interface HoldOptions extends Omit<TakeOptions, 'holder'> {
  readonly run: Run;
}

/**
 * One run's hold on an application: nobody else changes it meanwhile, and what is known of it is kept in the cluster,
 * so that a later run can go on, or put back, even if this one is killed at any moment.
 */
export class Hold {
  readonly application: Application;
  readonly #client: KubeClient;
  readonly #lease: Lease;
  readonly #ref: ObjectRef;
  #record: ApplicationRecord = NO_RECORD;
  /** Whether the cluster has a record, or may have one by a request whose answer was not awaited. */
  #isKept = false;

  private constructor(client: KubeClient, application: Application, lease: Lease) {
    this.application = application;
    this.#client = client;
    this.#lease = lease;
    this.#ref = refOf(application);
  }

  /**
   * Takes hold of an application, waiting for whoever has it.
   *
   * @param client one of its own: nothing that waits for the hold may stand before it
   * @throws DeliveryError `APPLICATION_BUSY`, `RECORD_INVALID`; ApiError if the namespace is missing or rights are
   */
  static async take(client: KubeClient, application: Application, { run, ...options }: HoldOptions): Promise<Hold> {
    const lease = await Lease.take(client, application, { ...options, holder: run.name });
    const hold = new Hold(client, application, lease);
    try {
      await hold.#read(options.signal);
      return hold;
    } catch (error) {
      await lease.release();
      throw error;
    }
  }

  /** What is known of the application. */
  get record(): ApplicationRecord {
    return this.#record;
  }

  /** Aborts when another run has taken over, with a {@link DeliveryError} `LEASE_LOST` as its reason. */
  get lost(): AbortSignal {
    return this.#lease.lost;
  }

  /** Resolves when the application may be changed; throws when it no longer may. */
  async permit(signal: AbortSignal): Promise<void> {
    await this.#lease.permit(signal);
  }

  /**
   * Keeps what has become of the application. Twice is the same as once; a record that says nothing is removed.
   *
   * @throws DeliveryError `RECORD_TOO_LARGE`, and those of the connection
   */
  async keep(record: ApplicationRecord, signal: AbortSignal): Promise<void> {
    try {
      await this.permit(signal);
      if (!isEmpty(record)) {
        const secret = secretOf(this.application, record);
        this.#isKept = true;
        await this.#client.apply(this.#ref, secret, { dryRun: false, force: true }, signal);
      } else if (this.#isKept) {
        await this.#client.remove(this.#ref, undefined, signal);
        this.#isKept = false;
      }
    } catch (error) {
      throw explained(error);
    }
    this.#record = record;
  }

  /** Lets the next run in. */
  async release(): Promise<void> {
    await this.#lease.release();
  }

  async #read(signal: AbortSignal): Promise<void> {
    const record = await readRecord(this.#client, this.application, signal);
    this.#record = record ?? NO_RECORD;
    this.#isKept = record !== undefined;
  }
}

/**
 * What is known of an application; undefined if nothing is.
 *
 * @throws DeliveryError `RECORD_INVALID`
 */
export async function readRecord(
  client: KubeClient,
  application: Application,
  signal: AbortSignal,
): Promise<ApplicationRecord | undefined> {
  const secret = await client.get(refOf(application), signal);
  return secret && recordOf(application, secret);
}

function refOf(application: Application): ObjectRef {
  return { resource: SECRETS, namespace: application.namespace, name: keptName(application) };
}

function isEmpty({ objects, revisions, unfinished, pending }: ApplicationRecord): boolean {
  return objects.length === 0 && revisions.length === 0 && unfinished === undefined && pending === undefined;
}
