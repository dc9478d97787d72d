import { keyOf } from '../application/footprint.ts';
import type { Footprint } from '../application/footprint.ts';
import type { Kinds } from '../client/discovery.ts';
import type { ManifestObject } from '../manifests/manifest-object.ts';
import { awaitReady } from '../readiness/await-ready.ts';
import { ready } from '../readiness/verdict.ts';
import type { Target } from '../readiness/verdict.ts';
import type { Beside } from '../strategies/beside.ts';
import { sampling } from '../strategies/timeline.ts';
import { beginningNow, reportOf } from './course.ts';
import type { Course } from './course.ts';
import type { Step } from './plan.ts';
import { orphansOf, sinceBefore } from './recover.ts';
import type { Leftovers } from './recover.ts';
import type { RolloutReport, RolloutResult } from './report.ts';
import type { RolloutRequest } from './request.ts';
import type { Session } from './session.ts';
import { dryRun, wantsNone, write } from './write.ts';
import type { Written } from './write.ts';

/** One run, and what is known of it so far; its phases take it from one to the next, and its report is drawn from it. */
export class Rollout {
  readonly request: RolloutRequest;
  readonly session: Session;
  course: Course = beginningNow();
  manifests: readonly ManifestObject[] = [];
  /** Their kinds, as the cluster serves them, where these are being asked for already. */
  kinds: Promise<Kinds> | undefined;
  /** The same manifests, each in its namespace: as they are kept. */
  placed: readonly ManifestObject[] = [];
  /** The revision that this run brings back. */
  restores: number | undefined;
  /** What an earlier run may have written and never finished. */
  leftovers: Leftovers = new Map();
  /** Whether what an earlier run left is taken back before anything else; until that is done, the record must tell of it. */
  recovery: 'none' | 'underWay' | 'done' = 'none';
  /** What is to be pruned. */
  abandoned: readonly Footprint[] = [];
  /** What stands beside the stable version. */
  beside: Beside | undefined;
  /** What may have been written, as it was before. */
  readonly begun = new Map<string, Footprint>();

  constructor(request: RolloutRequest, session: Session) {
    this.request = request;
    this.session = session;
  }

  /** What an earlier run may have written, and this one neither writes nor removes. */
  get orphans(): readonly Footprint[] {
    return orphansOf(this.leftovers, [...this.course.steps, ...this.abandoned]);
  }

  /** Asks the server whether it would accept the steps that it can judge by now. */
  async judge(judged: Step['judged']): Promise<void> {
    const { client, reporter } = this.session;
    const steps = this.course.steps.filter((step) => step.judged === judged);
    const accepted = await dryRun(client, steps, this.#writeOptions(), reporter);
    const now = this.course.steps.map((step) => accepted[steps.indexOf(step)] ?? step);
    this.course = { ...this.course, steps: now };
  }

  /** Writes steps; from before each request on it is known what to put back. */
  async writeSteps(steps: readonly Step[]): Promise<void> {
    const { client, reporter } = this.session;
    await write(client, steps, this.#writeOptions(), {
      begun: (step) => {
        const first = this.beside?.sinceBefore(step) ?? step;
        this.begun.set(keyOf(step.ref), sinceBefore(this.leftovers, first));
      },
      written: (written) => {
        this.course = { ...this.course, written: [...this.course.written, written] };
        reporter.line(`  ${written.step.title} ${written.change}`);
      },
    });
  }

  /** Waits for all that is written so far. */
  async awaitReady(): Promise<void> {
    const { view, limit: signal } = this.session;
    const reporter = sampling(this.session.reporter, this.course.timeline);
    const { written, standings: earlier } = this.course;
    const standings = await awaitReady(written.map(targetOf), view, { reporter, earlier, signal });
    this.course = { ...this.course, standings };
  }

  /** Takes steps as written and ready that came up beside the stable version and are not to be written again. */
  passOver(steps: readonly Step[]): void {
    const passed = steps.map((step) => ({ step, object: step.desired, change: 'created' as const }));
    const verdict = ready('came up beside the stable version');
    const standings = passed.map((one) => ({ target: targetOf(one), verdict, readyAfterMs: undefined }));
    const { course } = this;
    this.course = {
      ...course,
      written: [...course.written, ...passed],
      standings: [...course.standings, ...standings],
    };
  }

  /** The report of this run, which ends now. */
  report(result: RolloutResult, failure: Error | undefined): RolloutReport {
    const { record, view } = this.session;
    return reportOf(this.course, { result, failure, server: this.request.access.server, record, view });
  }

  #writeOptions(): { readonly force: boolean; readonly recreate: boolean; readonly signal: AbortSignal } {
    const { forceConflicts: force, recreate } = this.request;
    return { force, recreate, signal: this.session.limit };
  }
}

function targetOf({ step, object }: Written): Target {
  return { ref: step.ref, written: object, wantsNone: wantsNone(step.desired) };
}
