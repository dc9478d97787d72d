import { messageOf } from '../../errors/delivery-error.ts';
import { keyOf, titleOfRef } from '../application/footprint.ts';
import type { Footprint } from '../application/footprint.ts';
import { explained } from '../client/kube-client.ts';
import type { KubeClient } from '../client/kube-client.ts';
import { untilReached } from '../client/until-reached.ts';
import type { Pod } from '../objects.ts';
import type { LiveView } from '../readiness/live-view.ts';
import type { RolloutReporter } from '../reporter.ts';
import type { Step } from '../rollout/plan.ts';
import { putBackLimit } from '../rollout/put-back-limit.ts';
import type { Restoration } from '../rollout/restore.ts';
import { refuseMissingRights, rightsToStage } from '../rollout/rights.ts';
import { awaitEnded } from './await-ended.ts';
import { bringUp } from './autoscaler-move.ts';
import { wantedOf } from './blue-green.ts';
import { isMove } from './move.ts';
import { prove } from './prove.ts';
import { restarting } from './restart.ts';
import { Stage } from './stage.ts';
import { planStage } from './stage-plan.ts';
import type { StagedStrategy } from './strategy.ts';
import { goBack, takeDown } from './take-down.ts';
import { refuseTaken } from './temporary.ts';
import type { Timeline } from './timeline.ts';

/** Every node learns of a changed Service by itself, mostly within a second: milliseconds. */
const FOLLOW = 4_000;

/** How long the stable version may take, before requests go back to it, to have as many pods as the new one: milliseconds. */
const BRING_UP = 60_000;

export interface BesideTools {
  readonly client: KubeClient;
  readonly view: LiveView;
  readonly reporter: RolloutReporter;
  readonly timeline: Timeline;
  readonly application: string;
  readonly force: boolean;
  /** Keeps what may have been written, before it is, so that a later run can undo it even if this one is killed. */
  readonly keep: (staged: readonly Footprint[]) => Promise<void>;
}

/**
 * How the new version is left: `sound`, it serves well, so the stable one is brought to its size before requests go there;
 * `unsound`, it was found wanting, so they go there at once; `hurried`, the run was told to stop, and waits for nothing.
 */
export type Retreat = 'sound' | 'unsound' | 'hurried';

/** All that stands beside the stable version for the time of a rollout, from the first write to the last removal. */
export class Beside {
  readonly #tools: BesideTools;
  #staged: readonly Footprint[];

  /** @param staged what an earlier run has left up */
  constructor(tools: BesideTools, staged: readonly Footprint[] = []) {
    this.#tools = tools;
    this.#staged = staged;
  }

  /** What was written, or may have been. */
  get staged(): readonly Footprint[] {
    return this.#staged;
  }

  get isEmpty(): boolean {
    return this.#staged.length === 0;
  }

  /**
   * Brings the new version up and proves it.
   *
   * @returns false if there is nothing to stand beside: a first deployment, or one that changes no pods behind a Service
   */
  async prove(strategy: StagedStrategy, steps: readonly Step[], signal: AbortSignal): Promise<boolean> {
    const { client, application } = this.#tools;
    const track = strategy.kind === 'canary' ? 'canary' : 'green';
    const plan = await planStage(client, steps, { track, application }, signal);
    if (plan === undefined) return false;
    const tools = { ...this.#tools, signal, begin: (begun: readonly Step[]) => this.#begin(begun, signal) };
    const stage = new Stage(plan, tools, strategy);
    await refuseTaken(client, stage.temporaries(), signal);
    await prove(strategy, stage, steps, tools);
    return true;
  }

  /** What of it is looked at as it changes: not what was moved, which the run need not be allowed to watch. */
  get watched(): readonly Footprint[] {
    return this.#staged.filter((footprint) => !isMove(footprint));
  }

  /** The steps that promote what was proved, see {@link restarting}. */
  promoting(steps: readonly Step[]): readonly Step[] {
    return restarting(steps, this.#staged, new Date().toISOString());
  }

  /** Whether a step has to wait for {@link takeDown}: its Service is switched elsewhere, or it was moved. */
  holdsBack(step: Step): boolean {
    return this.#find(step)?.before !== undefined;
  }

  /** Whether a step is a Job that the new version stands on: it has done its work, and may be cleaned away since. */
  hasRun(step: Step): boolean {
    const own = this.#find(step);
    return own !== undefined && own.before === undefined && step.desired.kind === 'Job';
  }

  /** A step as it goes back to before anything was staged: what was switched or moved is back, a new object away. */
  sinceBefore(step: Step): Step {
    const own = this.#find(step);
    return own === undefined ? step : { ...step, before: own.before };
  }

  /** After the stable version has become the new one: sends requests there, and removes what stood beside it. */
  async takeDown(steps: readonly Step[], signal: AbortSignal): Promise<void> {
    const { client, view, reporter, timeline } = this.#tools;
    await bringUp(this.#staged, { client, view, reporter, signal });
    const { failures, removed } = await takeDown(this.#staged, (service) => wantedOf(service, steps), {
      client,
      view,
      signal,
      followMs: FOLLOW,
    });
    const [failure] = failures;
    if (failure !== undefined) throw failure.error;
    await this.#awaitEnded(removed, signal);
    this.#staged = [];
    timeline.mark('promoted');
  }

  /**
   * Sends all requests to the stable version and removes what stands beside it. Throws nothing, so that a run which fails has
   * an end.
   *
   * @returns what could not be put back, and why; empty if all was
   */
  async goBack(retreat: Retreat): Promise<readonly string[]> {
    const { reporter, timeline } = this.#tools;
    reporter.line('Going back to the stable version …');
    const isHurried = retreat === 'hurried';
    const signal = putBackLimit(isHurried);
    const followMs = isHurried ? 0 : FOLLOW;
    if (retreat === 'sound') await this.#bringUpStable(signal);
    const { failures, removed } = await this.#goBack(signal, followMs);
    if (failures.length > 0) {
      return failures.map(({ footprint, error }) => `${titleOfRef(footprint.ref)} (${messageOf(error)})`);
    }
    if (!isHurried) {
      await this.#awaitEnded(removed, signal).catch((error: unknown) => {
        reporter.line(`Whether what stood beside the stable version has ended is not known: ${messageOf(error)}`);
      });
    }
    this.#staged = [];
    timeline.mark('went back');
    return [];
  }

  /** Where requests cannot be sent back, all that was staged is still there. */
  async #goBack(signal: AbortSignal, followMs: number): Promise<Restoration> {
    const { client, view } = this.#tools;
    return goBack(this.#staged, { client, view, signal, followMs }).catch((thrown: unknown) => {
      const error: unknown = signal.aborted ? signal.reason : explained(thrown);
      return { putBack: [], removed: [], failures: this.#staged.map((footprint) => ({ footprint, error })) };
    });
  }

  async #awaitEnded(removed: readonly Footprint[], signal: AbortSignal): Promise<void> {
    const { view, reporter } = this.#tools;
    const { late, ending } = await awaitEnded(removed, view, signal);
    for (const { ref } of late) reporter.warn(`${titleOfRef(ref)} is still being removed.`);
    if (ending.length === 0) return;
    reporter.line(
      `No request reaches what stood beside the stable version any more; ${ending.length} of its pods are still ending (at most ${longestGrace(ending)} s, then their node clears up).`,
    );
  }

  /** Requests go back in any case: a stable version that does not get its pods serves with those that it has. */
  async #bringUpStable(signal: AbortSignal): Promise<void> {
    const { client, view, reporter } = this.#tools;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(BRING_UP)]);
    try {
      await untilReached(() => bringUp(this.#staged, { client, view, reporter, signal: limit }), limit);
    } catch (error) {
      reporter.line(`The stable version has not as many pods as the new one: ${messageOf(error)}`);
    }
  }

  #find(step: Step): Footprint | undefined {
    return this.#staged.find(({ ref }) => keyOf(ref) === keyOf(step.ref));
  }

  async #begin(steps: readonly Step[], signal: AbortSignal): Promise<void> {
    // What is moved may be left where it is instead.
    const needed = rightsToStage(steps.filter((step) => !isMove(step)));
    await refuseMissingRights(this.#tools.client, needed, signal);
    const fresh = steps.map(({ ref, before, desired }) => ({ ref, before, desired, isStaged: true }));
    const known = this.#staged.filter(({ ref }) => !fresh.some((one) => keyOf(one.ref) === keyOf(ref)));
    this.#staged = [...known, ...fresh];
    await this.#tools.keep(this.#staged);
  }
}

/** How long the last of some pods may take to end, in seconds, as they were told. */
function longestGrace(pods: readonly Pod[]): number {
  return Math.max(...pods.map(({ metadata }) => metadata.deletionGracePeriodSeconds ?? 0));
}
