import { asError, messageOf } from '../../errors/delivery-error.ts';
import { applicationOf } from '../application/application.ts';
import type { Application, ApplicationChoice } from '../application/application.ts';
import { findApplication } from '../application/find-application.ts';
import { keyOf, titleOfRef } from '../application/footprint.ts';
import type { Footprint } from '../application/footprint.ts';
import { pack, unpack } from '../application/packed.ts';
import type { ApplicationRecord, Pending, Revision } from '../application/record.ts';
import { originOf, revisionToRestore } from '../application/revision-to-restore.ts';
import { namespaceNotFound } from '../client/api-error.ts';
import { explained } from '../client/kube-client.ts';
import { NAMESPACES } from '../client/resource.ts';
import type { ObjectRef } from '../client/resource.ts';
import { diagnose } from '../diagnosis/diagnose.ts';
import { withRunFacts } from '../manifests/lineage.ts';
import type { ManifestObject } from '../manifests/manifest-object.ts';
import { awaitReady, NotReadyError } from '../readiness/await-ready.ts';
import type { RolloutReporter } from '../reporter.ts';
import { Beside } from '../strategies/beside.ts';
import { labelOf, notRestored, pendingOf, untouched } from '../strategies/outcome.ts';
import { podCounter, sampling } from '../strategies/timeline.ts';
import { trialTime } from '../strategies/strategy.ts';
import { beginningNow, reportOf } from './course.ts';
import type { Course } from './course.ts';
import { endingWith, namingTheLate } from './failure.ts';
import { beginning, completed, left, undone, waiting } from './journal.ts';
import { BY_INPUT, missingNamespaces } from './missing-namespaces.ts';
import { planRollout } from './plan.ts';
import type { Step } from './plan.ts';
import { previewOf, tellPreview } from './preview.ts';
import { abandonedBy, prune } from './prune.ts';
import { leftoversIn, orphansOf, sinceBefore, untilSettled } from './recover.ts';
import type { Leftovers } from './recover.ts';
import type { RolloutReport, RolloutResult } from './report.ts';
import type { RolloutRequest } from './request.ts';
import { restore } from './restore.ts';
import { Session } from './session.ts';
import { undo } from './undo.ts';
import type { Undone } from './undo.ts';
import { dryRun, wantsNone, write } from './write.ts';

/**
 * Rolls out manifests, or an earlier revision: takes hold of the application, asks the server whether it would accept
 * all of it, notes in the cluster what is there, writes in order of dependency, waits until all is ready, and puts
 * everything back if that fails.
 *
 * @param signal aborts when the run shall stop; what was written is then put back within a few seconds
 * @returns the report, of failures too: a failed rollout has a story to tell, so nothing is thrown
 */
export async function rollOut(
  request: RolloutRequest,
  reporter: RolloutReporter,
  signal: AbortSignal,
): Promise<RolloutReport> {
  const session = new Session({ access: request.access, reporter, signal });
  try {
    return await new Rollout(request, session).run();
  } finally {
    await session.close();
  }
}

/** One run, and what is known of it so far; the report is drawn from it whenever it ends. */
class Rollout {
  readonly #request: RolloutRequest;
  readonly #session: Session;
  #course: Course = beginningNow();
  #manifests: readonly ManifestObject[] = [];
  /** The same, each in its namespace: as they are kept. */
  #placed: readonly ManifestObject[] = [];
  /** The revision that this run brings back. */
  #restores: number | undefined;
  #leftovers: Leftovers = new Map();
  #abandoned: readonly Footprint[] = [];
  /** What stands beside the stable version. */
  #beside: Beside | undefined;
  /** What may have been written, as it was before. */
  readonly #begun = new Map<string, Footprint>();

  constructor(request: RolloutRequest, session: Session) {
    this.#request = request;
    this.#session = session;
  }

  async run(): Promise<RolloutReport> {
    try {
      await this.#begin();
      const { goal, dryRun: looksOnly } = this.#request;
      if (goal.action === 'reject') return looksOnly ? this.#report('previewed', undefined) : await this.#reject();
      await this.#prepare();
      if (looksOnly) return this.#report('previewed', undefined);
      if ((await this.#prove()) === 'waits') return await this.#wait();
      await this.#write();
      await this.#awaitReady();
      await this.#takeDown();
      await this.#prune();
      return this.#report(await this.#complete(), undefined);
    } catch (error) {
      return await this.#fail(error);
    }
  }

  /** Finds the application and takes hold of it, so that nobody else changes it from here on. */
  async #begin(): Promise<void> {
    const { goal } = this.#request;
    const application = await this.#application();
    this.#course = { ...this.#course, application: application.name };
    if (goal.action === 'deploy')
      this.#manifests = [...goal.manifests, ...(await this.#missingNamespaces(goal.manifests))];
    // To look only, it need not be held.
    if (this.#request.dryRun) await this.#session.lookAt(application);
    else await this.#takeHold(application);
    if (goal.action === 'promote')
      this.#manifests = unpack(pendingOf(this.#session.record, application, goal).manifests);
    if (goal.action === 'rollback') this.#goBackTo(revisionToRestore(application, this.#session.record, goal.revision));
  }

  async #takeHold(application: Application): Promise<void> {
    const made: Footprint[] = [];
    const makeHome = async (): Promise<void> => void made.push(await this.#makeHome(application));
    const trialMs = trialTime(this.#request.strategy);
    await this.#session.takeHold(application, { ...this.#request, trialMs, makeHome });
    const left = leftoversIn(this.#session.record, this.#session.reporter);
    const staged = [...left.values()].filter(({ isStaged }) => isStaged === true);
    const own = [...left].filter(([, { isStaged }]) => isStaged !== true);
    // The stable version serves again before requests go to it alone.
    if (staged.length > 0) await this.#putBack(own.map(([, footprint]) => footprint));
    await this.#takeUpBeside(application, staged);
    this.#leftovers = new Map([...own, ...made.map((home) => [keyOf(home.ref), home] as const)]);
    for (const [key, footprint] of this.#leftovers) this.#begun.set(key, footprint);
    await untilSettled(this.#session.client, left, this.#session.limit);
  }

  /** Puts back what an earlier run has written into the stable version, and waits until that is healthy. */
  async #putBack(begun: readonly Footprint[]): Promise<void> {
    if (begun.length === 0) return;
    const { client, view, reporter, stopped: signal } = this.#session;
    await view.open(begun.map(({ ref }) => ref)).catch(rethrow);
    const { result, sentence } = await undo({ client, view, reporter, begun, signal });
    if (result === 'notRestored') throw notRestored([sentence]);
  }

  /**
   * Takes up what an earlier run has left beside the stable version: to promote or reject it, or else to take it away.
   *
   * @param stranded what a run has left that did not finish
   */
  async #takeUpBeside(application: Application, stranded: readonly Footprint[]): Promise<void> {
    const { client, view, reporter, record } = this.#session;
    const { goal, run, forceConflicts } = this.#request;
    const decides = goal.action === 'promote' || goal.action === 'reject';
    const pending = decides ? pendingOf(record, application, goal) : record.pending;
    const { timeline } = this.#course;
    const keep = (staged: readonly Footprint[]): Promise<void> =>
      this.#session.noteBeginning(beginning(this.#session.record, run, [...this.#begun.values(), ...staged]));
    this.#beside = new Beside(
      { client, view, reporter, timeline, application: labelOf(application), force: forceConflicts, keep },
      [...stranded, ...(pending === undefined ? [] : unpack(pending.footprints))],
    );
    if (decides || this.#beside.isEmpty) return;
    reporter.line('A new version that an earlier run has left beside the stable one makes way.');
    const failures = await this.#beside.goBack(this.#session.stopped.aborted);
    if (failures.length > 0) throw notRestored(failures);
    await this.#session.noteSuccess({ ...this.#session.record, pending: undefined });
  }

  #goBackTo(revision: Revision): void {
    this.#restores = originOf(revision);
    this.#manifests = unpack(revision.manifests);
    this.#session.reporter.line(`Back to revision ${revision.number}, of ${revision.at} by ${revision.run.name}`);
  }

  async #application(): Promise<Application> {
    const { goal, namespace, access, applicationName: name } = this.#request;
    const choice: ApplicationChoice = { name, namespace, fallback: access.namespace ?? 'default' };
    if (goal.action === 'deploy') return applicationOf(goal.manifests, choice);
    return findApplication(this.#session.client, choice, this.#session.limit);
  }

  /** Namespaces to be made, if that was asked for. */
  async #missingNamespaces(manifests: readonly ManifestObject[]): Promise<readonly ManifestObject[]> {
    const { createNamespace, namespace, access } = this.#request;
    if (!createNamespace) return [];
    const place = { namespace, fallback: access.namespace ?? 'default' };
    return missingNamespaces(this.#session.client, manifests, place, this.#session.limit);
  }

  /** What is known of an application lives in its namespace, so that has to be there before everything else. */
  async #makeHome({ namespace: name }: Application): Promise<Footprint> {
    const home = this.#manifests.find(({ object }) => object.kind === 'Namespace' && object.metadata.name === name);
    if (home === undefined) throw namespaceNotFound(name);
    await this.#plan();
    const ref = { resource: NAMESPACES, namespace: undefined, name };
    await this.#session.client.create(ref, home.object, this.#session.limit);
    return { ref, before: undefined, desired: home.object };
  }

  /** Everything that can fail without having changed anything. */
  async #prepare(): Promise<void> {
    const { client, view, limit, record, reporter } = this.#session;
    await this.#plan();
    const { steps } = this.#course;
    reporter.line(`${steps.length} objects for ${this.#request.access.server}`);
    if (this.#request.prune) {
      const wanted = steps.map(({ ref }) => ref);
      this.#abandoned = await abandonedBy(client, record.objects, wanted, limit).catch(rethrow);
    }
    const changes = previewOf(steps, this.#abandoned);
    this.#course = { ...this.#course, changes };
    tellPreview(changes, steps.length, reporter);
    // Followed from before the first write on, so that no event is missed; and a right to watch that is missing
    // shows before anything is changed.
    const first = steps.filter(({ judged }) => judged === 'first');
    const beside = this.#beside?.staged ?? [];
    await view.open([...first, ...beside, ...orphansOf(this.#leftovers, steps)].map(({ ref }) => ref)).catch(rethrow);
    this.#course.timeline.countBy(podCounter(view, refsOfDeployments(steps), refsOfDeployments(beside)));
    this.#course.timeline.mark('begins');
  }

  /** Finds out what there is to write, and whether the server would accept it. */
  async #plan(): Promise<void> {
    const { client, limit } = this.#session;
    const { goal, namespace, access } = this.#request;
    // The manifests of a revision have their places already.
    const place = {
      namespace: goal.action === 'deploy' ? namespace : undefined,
      fallback: access.namespace ?? 'default',
    };
    const steps = await planRollout(client, this.#manifests, place, limit);
    // What tells of this run, and what only this run makes, is no part of the application's revision.
    this.#placed = steps
      .filter(({ source }) => source !== BY_INPUT)
      .map(({ desired, source }) => ({ object: desired, source }));
    const signed = steps.map((step) => ({ ...step, desired: withRunFacts(step.desired, this.#request.run) }));
    this.#course = { ...this.#course, steps: signed };
    await this.#judge('first');
  }

  async #judge(judged: Step['judged']): Promise<void> {
    const { client, reporter } = this.#session;
    const steps = this.#course.steps.filter((step) => step.judged === judged);
    const accepted = await dryRun(client, steps, this.#writeOptions(), reporter);
    const now = this.#course.steps.map((step) => accepted[steps.indexOf(step)] ?? step);
    this.#course = { ...this.#course, steps: now };
  }

  /** Has the new version prove itself beside the stable one, where the strategy wants that. */
  async #prove(): Promise<'goes on' | 'waits'> {
    const { strategy, goal } = this.#request;
    const { reporter, limit } = this.#session;
    if (this.#beside === undefined || strategy.kind === 'rolling' || goal.action === 'promote') return 'goes on';
    if (await this.#beside.prove(strategy, this.#course.steps, limit)) {
      return strategy.promotion === 'manual' ? 'waits' : 'goes on';
    }
    reporter.line('No Deployment behind a Service changes, so nothing can be tried beside it: a rolling update.');
    return 'goes on';
  }

  /** Ends with both versions up. */
  async #wait(): Promise<RolloutReport> {
    await this.#session.noteSuccess(waiting(this.#session.record, this.#pending()));
    this.#session.reporter.line('The new version stands beside the old one, until somebody promotes or rejects it.');
    return this.#report('waiting', undefined);
  }

  /** What must be known to promote or reject what stands beside the stable version. */
  #pending(): Omit<Pending, 'since'> {
    const { run, strategy } = this.#request;
    const footprints = pack(this.#beside?.staged ?? []);
    return { strategy: strategy.kind, run, manifests: pack(this.#placed), footprints, state: {} };
  }

  async #reject(): Promise<RolloutReport> {
    const stranded = (await this.#beside?.goBack(this.#session.stopped.aborted)) ?? [];
    if (stranded.length > 0) return this.#report('notRestored', notRestored(stranded));
    await this.#session.noteSuccess({ ...this.#session.record, pending: undefined });
    return this.#report('rejected', undefined);
  }

  /** Sends requests to the workloads, which are the new version by now, and removes what stood beside them. */
  async #takeDown(): Promise<void> {
    const beside = this.#beside;
    if (beside === undefined || beside.isEmpty) return;
    const late = this.#course.steps.flatMap((step) => beside.sinceBefore(step) ?? []);
    await beside.takeDown(this.#course.steps, this.#session.limit);
    await this.#writeSteps(late);
    await this.#awaitReady();
  }

  /** Writes everything; namespaces and definitions that others stand on first, if any. */
  async #write(): Promise<void> {
    const { view } = this.#session;
    await this.#noteBeginning();
    await this.#putBackOrphans();
    const ground = this.#course.steps.filter(
      ({ desired, judged }) => judged === 'first' && /^(Namespace|CustomResourceDefinition)$/.test(desired.kind),
    );
    if (this.#course.steps.some(({ judged }) => judged === 'onGround')) {
      await this.#writeSteps(ground);
      await this.#awaitReady();
      await this.#judge('onGround');
      const standing = this.#course.steps.filter(({ judged }) => judged === 'onGround');
      await view.open(standing.map(({ ref }) => ref)).catch(rethrow);
    }
    const done = new Set(this.#course.written.map(({ step }) => step));
    // A Service that is switched elsewhere is written when its pods are the new version.
    const isHeldBack = (step: Step): boolean => this.#beside?.sinceBefore(step) !== undefined;
    await this.#writeSteps(this.#course.steps.filter((step) => !done.has(step) && !isHeldBack(step)));
  }

  /** From now on the cluster knows what to put back, should this run be killed. */
  async #noteBeginning(): Promise<void> {
    const { record } = this.#session;
    const own = [...this.#course.steps, ...this.#abandoned].map((one) => sinceBefore(this.#leftovers, one));
    const staged = this.#beside?.staged ?? [];
    const footprints = new Map(
      [...this.#begun.values(), ...own, ...staged].map((footprint) => [keyOf(footprint.ref), footprint]),
    );
    await this.#session.noteBeginning(beginning(record, this.#request.run, [...footprints.values()]));
  }

  /** What an earlier run left, and this one does not write. */
  async #putBackOrphans(): Promise<void> {
    const { client, limit } = this.#session;
    const { failures } = await restore(client, orphansOf(this.#leftovers, this.#course.steps), limit);
    const [first] = failures;
    if (first !== undefined) throw asError(first.error);
  }

  async #writeSteps(steps: readonly Step[]): Promise<void> {
    const { client, reporter } = this.#session;
    await write(client, steps, this.#writeOptions(), {
      begun: (step) => this.#begun.set(keyOf(step.ref), sinceBefore(this.#leftovers, step)),
      written: (written) => {
        this.#course = { ...this.#course, written: [...this.#course.written, written] };
        reporter.line(`  ${written.step.title} ${written.change}`);
      },
    });
  }

  /** Waits for all that is written so far. */
  async #awaitReady(): Promise<void> {
    const { view, limit: signal } = this.#session;
    const reporter = sampling(this.#session.reporter, this.#course.timeline);
    const targets = this.#course.written.map(({ step, object }) => ({
      ref: step.ref,
      written: object,
      wantsNone: wantsNone(step.desired),
    }));
    this.#course = { ...this.#course, standings: await awaitReady(targets, view, { reporter, signal }) };
  }

  /** Last of all, so that the new version serves before the old one's parts go. */
  async #prune(): Promise<void> {
    const { client, limit, reporter } = this.#session;
    await prune(client, this.#abandoned, limit, (footprint) => {
      this.#begun.set(keyOf(footprint.ref), sinceBefore(this.#leftovers, footprint));
      this.#course = { ...this.#course, removed: [...this.#course.removed, footprint.ref] };
      reporter.line(`  ${titleOfRef(footprint.ref)} removed`);
    }).catch(rethrow);
  }

  async #complete(): Promise<RolloutResult> {
    const { steps, written, removed } = this.#course;
    const changed =
      removed.length > 0 || this.#leftovers.size > 0 || written.some(({ change }) => change !== 'unchanged');
    const completion = {
      run: this.#request.run,
      manifests: this.#placed,
      written: steps.map(({ ref }) => ref),
      removed,
      changed,
      restores: this.#restores,
    };
    await this.#session.noteSuccess(completed(this.#session.record, completion));
    if (!changed) return 'unchanged';
    return this.#restores === undefined ? 'deployed' : 'rolledBack';
  }

  async #fail(error: unknown): Promise<RolloutReport> {
    const { client, view, reporter, stopped } = this.#session;
    if (error instanceof NotReadyError) this.#course = { ...this.#course, standings: error.standings };
    const reason = this.#reasonOf(error);
    if (this.#begun.size === 0 && this.#beside?.isEmpty !== false) return this.#refused(reason);
    reporter.line(`✗ ${messageOf(reason)}`);
    if (this.#session.isOvertaken) return this.#report('notRestored', reason);
    if (!stopped.aborted) {
      const findings = await diagnose(client, view, this.#course.standings).catch(() => []);
      for (const { title, lines } of findings) reporter.group(title, lines);
      this.#course = { ...this.#course, findings };
    }
    if (this.#request.onFailure === 'restore') return this.#undo(reason);
    const refs = [...this.#begun.values()].map(({ ref }) => ref);
    await this.#session.noteEnd((record) => this.#stillBeside(left(record, refs)));
    return this.#report('kept', endingWith(reason, 'It was left as it is, because onFailure is keep.', 'kept'));
  }

  /** Nothing was written. */
  async #refused(reason: Error): Promise<RolloutReport> {
    await this.#session.noteEnd(undone);
    return this.#report('refused', reason);
  }

  async #undo(reason: Error): Promise<RolloutReport> {
    const { result, sentence } = await this.#goBack(reason);
    this.#session.reporter.line(sentence);
    // What could not be put back stays in the record, for the next run to put back.
    if (result !== 'notRestored') await this.#session.noteEnd((record) => this.#stillBeside(undone(record)));
    return this.#report(result, endingWith(reason, sentence, result));
  }

  /** The stable version is what it was, and healthy, before anything that stands beside it is taken away. */
  async #goBack(reason: Error): Promise<Undone> {
    const { client, view, reporter, stopped: signal } = this.#session;
    const begun = [...this.#begun.values()];
    const undone = begun.length === 0 ? untouched(reason) : await undo({ client, view, reporter, begun, signal });
    const isBack = undone.result !== 'notRestored' && undone.result !== 'restoredUnhealthy';
    if (!isBack || this.#beside === undefined || this.#beside.isEmpty) return undone;
    const stranded = await this.#beside.goBack(signal.aborted);
    return stranded.length === 0 ? undone : { result: 'notRestored', sentence: messageOf(notRestored(stranded)) };
  }

  /** What still stands beside the stable version can be promoted or rejected. */
  #stillBeside(record: ApplicationRecord): ApplicationRecord {
    return this.#beside?.isEmpty === false ? waiting(record, this.#pending()) : record;
  }

  #reasonOf(error: unknown): Error {
    const reason = error instanceof NotReadyError ? error.reason : asError(explained(error));
    return namingTheLate(reason, this.#course.standings);
  }

  #writeOptions(): { readonly force: boolean; readonly recreate: boolean; readonly signal: AbortSignal } {
    const { forceConflicts: force, recreate } = this.#request;
    return { force, recreate, signal: this.#session.limit };
  }

  #report(result: RolloutResult, failure: Error | undefined): RolloutReport {
    const { record, view } = this.#session;
    return reportOf(this.#course, { result, failure, server: this.#request.access.server, record, view });
  }
}

function refsOfDeployments(footprints: readonly Footprint[]): readonly ObjectRef[] {
  return footprints.map(({ ref }) => ref).filter(({ resource }) => resource.kind === 'Deployment');
}

function rethrow(error: unknown): never {
  throw explained(error);
}
