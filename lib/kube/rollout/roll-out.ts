import { DeliveryError, messageOf } from '../../errors/delivery-error.ts';
import type { ProxySettings } from '../../http/proxy.ts';
import { explained, KubeClient } from '../client/kube-client.ts';
import type { ClusterAccess } from '../cluster-access.ts';
import { diagnose } from '../diagnosis/diagnose.ts';
import type { Finding } from '../diagnosis/diagnose.ts';
import type { ManifestObject } from '../manifests/manifest-object.ts';
import { awaitReady, NotReadyError } from '../readiness/await-ready.ts';
import type { Standing } from '../readiness/await-ready.ts';
import { LiveView } from '../readiness/live-view.ts';
import type { Target } from '../readiness/verdict.ts';
import type { RolloutReporter } from '../reporter.ts';
import { addressesOf, runningImagesOf } from './outcome.ts';
import { planRollout } from './plan.ts';
import type { Step } from './plan.ts';
import type { ReportedObject, RolloutReport } from './report.ts';
import { undo } from './undo.ts';
import { dryRun, wantsNone, write } from './write.ts';
import type { Written } from './write.ts';

/** What is to be rolled out, and how. */
export interface RolloutRequest {
  readonly access: ClusterAccess;
  /** The agent's proxy, for a cluster whose connection names none. */
  readonly proxy: ProxySettings;
  readonly manifests: readonly ManifestObject[];
  /** Every object goes there; without it, each keeps its own namespace. */
  readonly namespace: string | undefined;
  /** How long everything together may take to be ready, in minutes. */
  readonly timeoutMinutes: number;
  /** After a failure: put everything back, or leave it for somebody to look at. */
  readonly onFailure: 'restore' | 'keep';
  /** Take over fields that belong to other field managers. */
  readonly forceConflicts: boolean;
}

/**
 * Rolls out manifests: asks the server whether it would accept all of them, writes them in order of dependency, waits
 * until all are ready, and puts everything back if that fails.
 *
 * @param signal aborts when the run shall stop; what was written is then put back within a few seconds
 * @returns the report, of failures too: a failed rollout has a story to tell, so nothing is thrown
 */
export async function rollOut(
  request: RolloutRequest,
  reporter: RolloutReporter,
  signal: AbortSignal,
): Promise<RolloutReport> {
  const onWarning = onceEach((warning) => reporter.warn(`The cluster warns: ${warning}`));
  const client = new KubeClient(request.access, { proxy: request.proxy, onWarning });
  const view = new LiveView(client, (error) => reporter.line(`Waiting for the cluster: ${messageOf(error)}`));
  try {
    return await new Rollout(request, { client, view, reporter, signal }).run();
  } finally {
    view.close();
    await client.close();
  }
}

interface Tools {
  readonly client: KubeClient;
  readonly view: LiveView;
  readonly reporter: RolloutReporter;
  readonly signal: AbortSignal;
}

/** One run, and what is known of it so far; the report is drawn from it whenever it ends. */
class Rollout {
  readonly #request: RolloutRequest;
  readonly #tools: Tools;
  /** The run's own signal: told to stop, or out of time. */
  readonly #limit: AbortSignal;
  readonly #started = Date.now();
  #steps: readonly Step[] = [];
  /** Steps whose write may have reached the cluster. */
  readonly #begun: Step[] = [];
  readonly #written: Written[] = [];
  #standings: readonly Standing[] = [];
  #findings: readonly Finding[] = [];

  constructor(request: RolloutRequest, tools: Tools) {
    this.#request = request;
    this.#tools = tools;
    this.#limit = AbortSignal.any([tools.signal, timeLimit(request.timeoutMinutes)]);
  }

  async run(): Promise<RolloutReport> {
    try {
      await this.#prepare();
      await this.#write();
      await this.#awaitReady();
      const changed = this.#written.some(({ change }) => change !== 'unchanged');
      return this.#report(changed ? 'deployed' : 'unchanged', undefined);
    } catch (error) {
      return await this.#fail(error);
    }
  }

  /** Everything that can fail without having changed anything. */
  async #prepare(): Promise<void> {
    const { client, view, reporter } = this.#tools;
    const { manifests, namespace, access } = this.#request;
    const fallback = access.namespace ?? 'default';
    this.#steps = await planRollout(client, manifests, { namespace, fallback }, this.#limit);
    reporter.line(`${this.#steps.length} objects for ${access.server}`);
    await this.#judge('first');
    // Followed from before the first write on, so that no event is missed; and a right to watch that is missing
    // shows before anything is changed.
    await view.open(this.#steps.filter(({ judged }) => judged === 'first').map(({ ref }) => ref)).catch(rethrow);
  }

  async #judge(judged: Step['judged']): Promise<void> {
    const { client, reporter } = this.#tools;
    const steps = this.#steps.filter((step) => step.judged === judged);
    const options = { force: this.#request.forceConflicts, signal: this.#limit };
    const accepted = await dryRun(client, steps, options, reporter);
    this.#steps = this.#steps.map((step) => accepted[steps.indexOf(step)] ?? step);
  }

  /** Writes everything; namespaces and definitions that others stand on first, if any. */
  async #write(): Promise<void> {
    const ground = this.#steps.filter(
      ({ desired, judged }) => judged === 'first' && /^(Namespace|CustomResourceDefinition)$/.test(desired.kind),
    );
    if (this.#steps.some(({ judged }) => judged === 'onGround')) {
      await this.#writeSteps(ground);
      await this.#awaitReady();
      await this.#judge('onGround');
      const standing = this.#steps.filter(({ judged }) => judged === 'onGround');
      await this.#tools.view.open(standing.map(({ ref }) => ref)).catch(rethrow);
    }
    await this.#writeSteps(this.#steps.filter((step) => !this.#begun.includes(step)));
  }

  async #writeSteps(steps: readonly Step[]): Promise<void> {
    const { client, reporter } = this.#tools;
    const options = { force: this.#request.forceConflicts, signal: this.#limit };
    await write(client, steps, options, {
      begun: (step) => this.#begun.push(step),
      written: (written) => {
        this.#written.push(written);
        reporter.line(`  ${written.step.title} ${written.change}`);
      },
    });
  }

  /** Waits for all that is written so far. */
  async #awaitReady(): Promise<void> {
    const { view, reporter } = this.#tools;
    const targets = this.#written.map(({ step, object }) => ({
      ref: step.ref,
      written: object,
      wantsNone: wantsNone(step.desired),
    }));
    this.#standings = await awaitReady(targets, view, { reporter, signal: this.#limit });
  }

  async #fail(error: unknown): Promise<RolloutReport> {
    const { client, view, reporter, signal } = this.#tools;
    if (error instanceof NotReadyError) this.#standings = error.standings;
    const reason = this.#reasonOf(error);
    if (this.#begun.length === 0) return this.#report('refused', reason);
    reporter.line(`✗ ${messageOf(reason)}`);
    if (!signal.aborted) {
      this.#findings = await diagnose(client, view, this.#standings).catch(() => []);
      for (const { title, lines } of this.#findings) reporter.group(title, lines);
    }
    if (this.#request.onFailure === 'keep') {
      return this.#report('kept', extended(reason, 'It was left as it is, because onFailure is keep.'));
    }
    const undone = await undo({ client, view, reporter, begun: this.#begun, signal });
    reporter.line(undone.sentence);
    return this.#report(undone.result, extended(reason, undone.sentence, CODES[undone.result]));
  }

  #reasonOf(error: unknown): Error {
    const reason = error instanceof NotReadyError ? error.reason : asError(explained(error));
    if (!(reason instanceof DeliveryError && reason.code === 'ROLLOUT_TIMEOUT')) return reason;
    const late = this.#standings.filter(({ verdict }) => verdict.state === 'waiting');
    const list = late.map(({ target, verdict }) => `${titleOf(target)} (${verdict.detail})`).join(', ');
    return list === '' ? reason : extended(reason, `Not ready: ${list}.`);
  }

  #report(result: RolloutReport['result'], failure: Error | undefined): RolloutReport {
    const live = this.#steps.flatMap(({ ref }) => this.#tools.view.object(ref) ?? []);
    const succeeded = failure === undefined;
    return {
      result,
      failure,
      server: this.#request.access.server,
      objects: this.#steps.map((step) => this.#reported(step)),
      addresses: succeeded ? addressesOf(live) : [],
      imageDigests: succeeded ? runningImagesOf(live, this.#tools.view.around()) : [],
      findings: this.#findings,
      durationSeconds: Math.round((Date.now() - this.#started) / 100) / 10,
    };
  }

  #reported(step: Step): ReportedObject {
    const written = this.#written.find((one) => one.step === step);
    const standing = this.#standings.find(({ target }) => target.ref === step.ref);
    const ms = standing?.readyAfterMs;
    return {
      title: step.title,
      namespace: step.ref.namespace,
      change: written?.change ?? 'not written',
      detail: standing?.verdict.detail ?? '',
      ready: standing?.verdict.state === 'ready',
      readyAfterSeconds: ms === undefined ? undefined : Math.round(ms / 100) / 10,
    };
  }
}

/** A failure that leaves the cluster other than it was has a code of its own, whatever the reason. */
const CODES: Readonly<Partial<Record<RolloutReport['result'], string>>> = {
  notRestored: 'ROLLOUT_NOT_RESTORED',
  restoredUnhealthy: 'ROLLOUT_RESTORED_UNHEALTHY',
};

/** The same failure with one more sentence, perhaps under another code. */
function extended(reason: Error, sentence: string, code?: string): Error {
  if (!(reason instanceof DeliveryError)) return code === undefined ? reason : foreign(reason, sentence, code);
  return new DeliveryError(code ?? reason.code, {
    message: `${reason.message} ${sentence}`,
    remedy: reason.remedy,
    cause: reason.cause,
  });
}

function foreign(reason: Error, sentence: string, code: string): DeliveryError {
  const message = `The rollout met an error it does not know: ${messageOf(reason)} ${sentence}`;
  return new DeliveryError(code, { message, remedy: 'Look at the objects in the cluster.', cause: reason });
}

function titleOf({ ref }: Target): string {
  return `${ref.resource.kind}/${ref.name}`;
}

function timeLimit(minutes: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => {
    controller.abort(
      new DeliveryError('ROLLOUT_TIMEOUT', {
        message: `The rollout was not ready within ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`,
        remedy: 'See above what it waits for; give it more timeoutMinutes if it was still making progress.',
      }),
    );
  }, minutes * 60_000).unref();
  return controller.signal;
}

function onceEach(tell: (text: string) => void): (text: string) => void {
  const told = new Set<string>();
  return (text) => {
    if (!told.has(text)) tell(text);
    told.add(text);
  };
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown), { cause: thrown });
}

function rethrow(error: unknown): never {
  throw explained(error);
}
