import { asError, messageOf } from '../../errors/delivery-error.ts';
import { applicationOf } from '../application/application.ts';
import type { Application, ApplicationChoice } from '../application/application.ts';
import { findApplication } from '../application/find-application.ts';
import { keyOf, titleOfRef } from '../application/footprint.ts';
import type { Footprint } from '../application/footprint.ts';
import { unpack } from '../application/packed.ts';
import type { Revision } from '../application/record.ts';
import { originOf, revisionToRestore } from '../application/revision-to-restore.ts';
import { namespaceNotFound } from '../client/api-error.ts';
import { explained } from '../client/kube-client.ts';
import { NAMESPACES } from '../client/resource.ts';
import { diagnose } from '../diagnosis/diagnose.ts';
import type { ManifestObject } from '../manifests/manifest-object.ts';
import { awaitReady, NotReadyError } from '../readiness/await-ready.ts';
import type { RolloutReporter } from '../reporter.ts';
import { beginningNow, reportOf } from './course.ts';
import type { Course } from './course.ts';
import { endingWith, namingTheLate } from './failure.ts';
import { beginning, completed, left, undone } from './journal.ts';
import { planRollout } from './plan.ts';
import type { Step } from './plan.ts';
import { previewOf, tellPreview } from './preview.ts';
import { abandonedBy, prune } from './prune.ts';
import { leftoversIn, orphansOf, sinceBefore } from './recover.ts';
import type { Leftovers } from './recover.ts';
import type { RolloutReport, RolloutResult } from './report.ts';
import type { RolloutRequest } from './request.ts';
import { restore } from './restore.ts';
import { Session } from './session.ts';
import { undo } from './undo.ts';
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
  const { access, proxy } = request;
  const session = new Session({ access, proxy, reporter, signal });
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
  /** What may have been written, as it was before. */
  readonly #begun = new Map<string, Footprint>();

  constructor(request: RolloutRequest, session: Session) {
    this.#request = request;
    this.#session = session;
  }

  async run(): Promise<RolloutReport> {
    try {
      await this.#begin();
      await this.#prepare();
      if (this.#request.dryRun) return this.#report('previewed', undefined);
      await this.#write();
      await this.#awaitReady();
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
    if (goal.action === 'deploy') this.#manifests = goal.manifests;
    // To look only, it need not be held.
    if (this.#request.dryRun) await this.#session.lookAt(application);
    else await this.#takeHold(application);
    if (goal.action === 'rollback') this.#goBackTo(revisionToRestore(application, this.#session.record, goal.revision));
  }

  async #takeHold(application: Application): Promise<void> {
    const made: Footprint[] = [];
    const makeHome = async (): Promise<void> => void made.push(await this.#makeHome(application));
    await this.#session.takeHold(application, { ...this.#request, makeHome });
    const left = leftoversIn(this.#session.record, this.#session.reporter);
    this.#leftovers = new Map([...left, ...made.map((home) => [keyOf(home.ref), home] as const)]);
    for (const [key, footprint] of this.#leftovers) this.#begun.set(key, footprint);
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
    await view.open([...first, ...orphansOf(this.#leftovers, steps)].map(({ ref }) => ref)).catch(rethrow);
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
    this.#course = { ...this.#course, steps };
    this.#placed = steps.map(({ desired, source }) => ({ object: desired, source }));
    await this.#judge('first');
  }

  async #judge(judged: Step['judged']): Promise<void> {
    const { client, reporter } = this.#session;
    const steps = this.#course.steps.filter((step) => step.judged === judged);
    const accepted = await dryRun(client, steps, this.#writeOptions(), reporter);
    const now = this.#course.steps.map((step) => accepted[steps.indexOf(step)] ?? step);
    this.#course = { ...this.#course, steps: now };
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
    await this.#writeSteps(this.#course.steps.filter((step) => !done.has(step)));
  }

  /** From now on the cluster knows what to put back, should this run be killed. */
  async #noteBeginning(): Promise<void> {
    const { record } = this.#session;
    const own = [...this.#course.steps, ...this.#abandoned].map((one) => sinceBefore(this.#leftovers, one));
    const footprints = new Map([...this.#begun.values(), ...own].map((footprint) => [keyOf(footprint.ref), footprint]));
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
    const { view, reporter, limit: signal } = this.#session;
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
    if (this.#begun.size === 0) return this.#refused(reason);
    reporter.line(`✗ ${messageOf(reason)}`);
    if (this.#session.isOvertaken) return this.#report('notRestored', reason);
    if (!stopped.aborted) {
      const findings = await diagnose(client, view, this.#course.standings).catch(() => []);
      for (const { title, lines } of findings) reporter.group(title, lines);
      this.#course = { ...this.#course, findings };
    }
    if (this.#request.onFailure === 'restore') return this.#undo(reason);
    await this.#session.noteEnd((record) =>
      left(
        record,
        [...this.#begun.values()].map(({ ref }) => ref),
      ),
    );
    return this.#report('kept', endingWith(reason, 'It was left as it is, because onFailure is keep.', 'kept'));
  }

  /** Nothing was written. */
  async #refused(reason: Error): Promise<RolloutReport> {
    await this.#session.noteEnd(undone);
    return this.#report('refused', reason);
  }

  async #undo(reason: Error): Promise<RolloutReport> {
    const { client, view, reporter, stopped: signal } = this.#session;
    const { result, sentence } = await undo({ client, view, reporter, begun: [...this.#begun.values()], signal });
    reporter.line(sentence);
    // What could not be put back stays in the record, for the next run to put back.
    if (result !== 'notRestored') await this.#session.noteEnd(undone);
    return this.#report(result, endingWith(reason, sentence, result));
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

function rethrow(error: unknown): never {
  throw explained(error);
}
