import type { KubeClient } from '../client/kube-client.ts';
import { PODS } from '../client/resource.ts';
import type { Pod } from '../objects.ts';
import { awaitReady } from '../readiness/await-ready.ts';
import type { LiveView } from '../readiness/live-view.ts';
import type { Target } from '../readiness/verdict.ts';
import type { RolloutReporter } from '../reporter.ts';
import type { Step } from '../rollout/plan.ts';
import { wantsNone, write } from '../rollout/write.ts';
import type { PodAddress, VersionCheck, Versions } from './check.ts';
import { isDeployment, replicasOf } from './deployment.ts';
import type { Contender, StagePlan } from './stage-plan.ts';
import { temporaryStep } from './temporary.ts';
import { podCounter, sampling } from './timeline.ts';
import type { Timeline } from './timeline.ts';
import { tryOut } from './trial.ts';
import { twinOf } from './twin.ts';
import { servingPodsOf } from './version-pods.ts';

export interface StageTools {
  readonly client: KubeClient;
  readonly view: LiveView;
  readonly reporter: RolloutReporter;
  /** Told to stop, or out of time. */
  readonly signal: AbortSignal;
  /** Take over fields of other managers. */
  readonly force: boolean;
  /** The application, as a label's value. */
  readonly application: string;
  readonly timeline: Timeline;
  /** Awaited before anything is written, so that whatever happens then, it is known what may have changed. */
  readonly begin: (steps: readonly Step[]) => Promise<void>;
}

/** The checks that a new version must pass, and how often they are run. */
export interface TrialRules {
  readonly checks: readonly VersionCheck[];
  /** In milliseconds. */
  readonly everyMs: number;
}

/** A new version beside the stable one: brought up, tried, and counted. Nothing of the stable version is touched. */
export class Stage {
  readonly plan: StagePlan;
  readonly timeline: Timeline;
  readonly #tools: StageTools;
  readonly #rules: TrialRules;
  readonly #followed = new Set<string>();
  #twins: readonly Target[] = [];

  constructor(plan: StagePlan, tools: StageTools, rules: TrialRules) {
    this.plan = plan;
    this.timeline = tools.timeline;
    this.#tools = tools;
    this.#rules = rules;
    const stable = plan.contenders.map(({ step }) => step.ref);
    const twins = plan.contenders.map((contender) => this.#twinStep(contender, 1).ref);
    tools.timeline.countBy(podCounter(tools.view, stable, twins));
  }

  /** What the strategy makes for its own time, and takes away again. */
  temporaries(): readonly Step[] {
    return [...this.plan.contenders.map((contender) => this.#twinStep(contender, 1)), ...this.#copySteps()];
  }

  /** Brings what the new pods may stand on: new objects, and copies of changed settings. */
  async layGround(): Promise<void> {
    await this.bring([...this.plan.first, ...this.#copySteps()]);
  }

  /**
   * Brings the new version to so many pods, and waits until they are ready.
   *
   * @param podsFor from the number of pods that the stable version has now; a person or an autoscaler may change it
   */
  async scale(podsFor: (stable: number) => number): Promise<void> {
    const steps = this.plan.contenders.map((contender) => {
      const live = this.#tools.view.object(contender.step.ref);
      const stable = live !== undefined && isDeployment(live) ? replicasOf(live) : 1;
      return this.#twinStep(contender, podsFor(stable));
    });
    this.#twins = await this.bring(steps);
  }

  /** Tries the new version as it is, for a while. Throws `VERSION_REJECTED` or `CHECK_IMPOSSIBLE`. */
  async tryFor(title: string, holdMs: number): Promise<void> {
    const { view, reporter, signal } = this.#tools;
    const { checks, everyMs } = this.#rules;
    const versions = (): Promise<Versions> => this.#versions();
    try {
      const seen = await tryOut({ title, twins: this.#twins, checks, holdMs, everyMs, versions }, view, signal);
      for (const line of seen) reporter.line(`  ✓ ${line}`);
      this.timeline.mark(title, seen);
    } catch (error) {
      this.timeline.mark(title, [error instanceof Error ? error.message : String(error)], true);
      throw error;
    }
  }

  /** Writes objects and waits until they are ready. */
  async bring(steps: readonly Step[]): Promise<readonly Target[]> {
    if (steps.length === 0) return [];
    const { client, view, signal, force, begin } = this.#tools;
    const reporter = sampling(this.#tools.reporter, this.timeline);
    await begin(steps);
    await this.#follow(steps);
    const targets: Target[] = [];
    await write(
      client,
      steps,
      { force, recreate: false, signal },
      {
        begun: () => undefined,
        written: ({ step, object }) =>
          targets.push({ ref: step.ref, written: object, wantsNone: wantsNone(step.desired) }),
      },
    );
    await awaitReady(targets, view, { reporter, signal });
    return targets;
  }

  async #follow(steps: readonly Step[]): Promise<void> {
    const unseen = steps.filter(({ title, ref }) => !this.#followed.has(`${ref.namespace ?? ''}/${title}`));
    for (const { title, ref } of unseen) this.#followed.add(`${ref.namespace ?? ''}/${title}`);
    await this.#tools.view.open(unseen.map(({ ref }) => ref));
  }

  #copySteps(): readonly Step[] {
    return this.plan.copies.map(({ copy }) => temporaryStep(copy));
  }

  #twinStep({ next }: Contender, replicas: number): Step {
    const { track, copies } = this.plan;
    const settings = copies.map((copy) => copy.settings);
    return temporaryStep(twinOf(next, { track, replicas, application: this.#tools.application, settings }));
  }

  /** Ready pods of both versions, as checks reach them. */
  async #versions(): Promise<Versions> {
    const [next, stable] = await Promise.all([this.#addresses('next'), this.#addresses('stable')]);
    return { next, stable };
  }

  async #addresses(side: Side): Promise<readonly PodAddress[]> {
    const addresses = this.#podsOf(side).map(async ({ contender: { port }, pod }) => {
      if (port === undefined) return [];
      const { name, namespace } = pod.metadata;
      const way = await this.#tools.client.podAddress({ resource: PODS, namespace, name }, port);
      return [{ pod: name, ...way }];
    });
    return (await Promise.all(addresses)).flat();
  }

  #podsOf(side: Side): readonly { readonly contender: Contender; readonly pod: Pod }[] {
    const { view } = this.#tools;
    return this.plan.contenders.flatMap((contender) => {
      const { ref } = side === 'stable' ? contender.step : this.#twinStep(contender, 1);
      const deployment = view.object(ref);
      const pods = deployment === undefined ? [] : servingPodsOf(deployment, view.around());
      return pods.map((pod) => ({ contender, pod }));
    });
  }
}

type Side = 'stable' | 'next';
