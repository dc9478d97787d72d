import { messageOf } from '../../errors/delivery-error.ts';
import type { Application } from '../application/application.ts';
import { Hold, readRecord } from '../application/hold.ts';
import { NO_RECORD } from '../application/record.ts';
import type { ApplicationRecord, Run } from '../application/record.ts';
import { ApiError } from '../client/api-error.ts';
import { explained, KubeClient } from '../client/kube-client.ts';
import { untilReached } from '../client/until-reached.ts';
import type { ClusterAccess } from '../cluster-access.ts';
import { LiveView } from '../readiness/live-view.ts';
import type { RolloutReporter } from '../reporter.ts';
import { timeLimit } from './failure.ts';

/** How long the last word about a failed run may take to reach the cluster, in milliseconds. */
const LAST_WORD = 1_500;

export interface SessionOptions {
  readonly access: ClusterAccess;
  readonly reporter: RolloutReporter;
  /** Aborts when the run shall stop. */
  readonly signal: AbortSignal;
}

export interface HoldTerms {
  readonly run: Run;
  /** How long to wait while another run has the application, in minutes. */
  readonly waitForOtherRunMinutes: number;
  /** How long everything from then on may take, in minutes. */
  readonly timeoutMinutes: number;
  /** Time, in milliseconds, that a new version spends on trial and that does not count. */
  readonly trialMs: number;
  /** Makes the application's namespace, if that is missing. */
  readonly makeHome: () => Promise<void>;
}

/** What one run has of the cluster: a client, a live picture, and, once it has taken it, the hold on its application. */
export class Session {
  readonly reporter: RolloutReporter;
  /** Writes only while the application is held, if it ever was. */
  readonly client: KubeClient;
  readonly view: LiveView;
  /** Aborts when the run was told to stop. */
  readonly stopped: AbortSignal;
  /** For the hold itself, which must not wait for itself. */
  readonly #ownClient: KubeClient;
  #limit: AbortSignal;
  #lastLimit: AbortSignal;
  #hold: Hold | undefined;
  #record: ApplicationRecord = NO_RECORD;
  /** Whether the record may call a run unfinished. */
  #mayBeUnfinished = false;

  constructor({ access, reporter, signal }: SessionOptions) {
    this.reporter = reporter;
    this.stopped = signal;
    this.#limit = signal;
    this.#lastLimit = signal;
    const onWarning = onceEach((warning) => reporter.warn(`The cluster warns: ${warning}`));
    const beforeWrite = async (writing: AbortSignal): Promise<void> => this.#hold?.permit(writing);
    this.client = new KubeClient(access, { onWarning, beforeWrite });
    this.#ownClient = new KubeClient(access);
    this.view = new LiveView(this.client, (error) => reporter.line(`Waiting for the cluster: ${messageOf(error)}`));
  }

  /** Aborts when the run was told to stop, is out of time, or was overtaken by another one. */
  get limit(): AbortSignal {
    return this.#limit;
  }

  /** What is known of the application. */
  get record(): ApplicationRecord {
    return this.#hold?.record ?? this.#record;
  }

  /** Whether another run has taken the application over. */
  get isOvertaken(): boolean {
    return this.#hold?.lost.aborted === true;
  }

  /**
   * From here on this run is the only one that changes the application.
   *
   * @throws DeliveryError `APPLICATION_BUSY`, `RECORD_INVALID`, and those of the connection
   */
  async takeHold(application: Application, terms: HoldTerms): Promise<void> {
    const { run, waitForOtherRunMinutes, timeoutMinutes, trialMs, makeHome } = terms;
    const options = { run, patienceMs: waitForOtherRunMinutes * 60_000, reporter: this.reporter, signal: this.stopped };
    const take = async (): Promise<Hold> => Hold.take(this.#ownClient, application, options);
    this.#hold = await take().catch(async (error: unknown) => {
      if (!(error instanceof ApiError && error.missesNamespace)) throw explained(error);
      await makeHome();
      return take();
    });
    this.#mayBeUnfinished = this.record.unfinished !== undefined;
    this.#lastLimit = AbortSignal.any([this.#hold.lost, timeLimit(timeoutMinutes, trialMs)]);
    this.#limit = AbortSignal.any([this.stopped, this.#lastLimit]);
  }

  /** Looks what is known of the application, without taking hold of it. */
  async lookAt(application: Application): Promise<void> {
    this.#record = (await readRecord(this.#ownClient, application, this.stopped)) ?? NO_RECORD;
  }

  /** Notes in the cluster that this run is about to write. */
  async noteBeginning(record: ApplicationRecord): Promise<void> {
    // Told to stop just now, it could not know any more whether the note has arrived.
    this.#mayBeUnfinished = true;
    await this.#keep(record, this.#limit);
  }

  /** Notes that the run has reached what it wanted; that is no longer stopped half-way. */
  async noteSuccess(record: ApplicationRecord): Promise<void> {
    await this.#keep(record, this.#lastLimit);
  }

  /** Notes how a failed run ended; if that fails, the next run finds out itself. */
  async noteEnd(change: (record: ApplicationRecord) => ApplicationRecord): Promise<void> {
    if (this.#hold === undefined || !this.#mayBeUnfinished) return;
    try {
      await this.#hold.keep(change(this.#hold.record), AbortSignal.timeout(LAST_WORD));
    } catch (error) {
      this.reporter.line(`How this run ended could not be noted, so the next one looks again: ${messageOf(error)}`);
    }
  }

  async close(): Promise<void> {
    this.view.close();
    await this.#hold?.release();
    await Promise.all([this.client.close(), this.#ownClient.close()]);
  }

  async #keep(record: ApplicationRecord, signal: AbortSignal): Promise<void> {
    const hold = this.#hold;
    if (hold !== undefined) await untilReached(() => hold.keep(record, signal), signal);
  }
}

function onceEach(tell: (text: string) => void): (text: string) => void {
  const told = new Set<string>();
  return (text) => {
    if (!told.has(text)) tell(text);
    told.add(text);
  };
}
