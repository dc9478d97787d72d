import { asError } from '../../errors/delivery-error.ts';
import { keyOf, titleOfRef } from '../application/footprint.ts';
import { rethrow } from '../client/rethrow.ts';
import { beginning, completed } from './journal.ts';
import type { Step } from './plan.ts';
import { prune } from './prune.ts';
import { sinceBefore } from './recover.ts';
import type { RolloutResult } from './report.ts';
import { restore } from './restore.ts';
import type { Rollout } from './rollout.ts';

/** Has the new version prove itself beside the stable one, where the strategy wants that. */
export async function proveBeside(rollout: Rollout): Promise<'goes on' | 'waits'> {
  const { strategy, goal } = rollout.request;
  const { reporter, limit } = rollout.session;
  if (rollout.beside === undefined || strategy.kind === 'rolling' || goal.action === 'promote') return 'goes on';
  if (await rollout.beside.prove(strategy, rollout.course.steps, limit)) {
    return strategy.promotion === 'manual' ? 'waits' : 'goes on';
  }
  reporter.line('No Deployment behind a Service changes, so nothing can be tried beside it: a rolling update.');
  return 'goes on';
}

/** Writes everything; namespaces and definitions that others stand on first, if any. */
export async function writeAll(rollout: Rollout): Promise<void> {
  const { view } = rollout.session;
  const steps = rollout.beside?.promoting(rollout.course.steps) ?? rollout.course.steps;
  rollout.course = { ...rollout.course, steps };
  await noteBeginning(rollout);
  await putBackOrphans(rollout);
  rollout.passOver(rollout.course.steps.filter((step) => rollout.beside?.hasRun(step) === true));
  const ground = rollout.course.steps.filter(
    ({ desired, judged }) => judged === 'first' && /^(Namespace|CustomResourceDefinition)$/.test(desired.kind),
  );
  if (rollout.course.steps.some(({ judged }) => judged === 'onGround')) {
    await rollout.writeSteps(ground);
    await rollout.awaitReady();
    await rollout.judge('onGround');
    const standing = rollout.course.steps.filter(({ judged }) => judged === 'onGround');
    await view.open(standing.map(({ ref }) => ref)).catch(rethrow);
  }
  const done = new Set(rollout.course.written.map(({ step }) => step));
  // A Service that is switched elsewhere is written when its pods are the new version.
  const isHeldBack = (step: Step): boolean => rollout.beside?.holdsBack(step) === true;
  await rollout.writeSteps(rollout.course.steps.filter((step) => !done.has(step) && !isHeldBack(step)));
}

/** From now on the cluster knows what to put back, should this run be killed. */
async function noteBeginning(rollout: Rollout): Promise<void> {
  const { record } = rollout.session;
  const own = [...rollout.course.steps, ...rollout.abandoned].map((one) => sinceBefore(rollout.leftovers, one));
  const staged = rollout.beside?.staged ?? [];
  const footprints = new Map(
    [...rollout.begun.values(), ...own, ...staged].map((footprint) => [keyOf(footprint.ref), footprint]),
  );
  await rollout.session.noteBeginning(beginning(record, rollout.request.run, [...footprints.values()]));
}

/** See {@link Rollout.orphans}. */
async function putBackOrphans(rollout: Rollout): Promise<void> {
  const { client, limit } = rollout.session;
  const { failures } = await restore(client, rollout.orphans, limit);
  const [first] = failures;
  if (first !== undefined) throw asError(first.error);
}

/** Sends requests to the workloads, which are the new version by now, and removes what stood beside them. */
export async function takeDownBeside(rollout: Rollout): Promise<void> {
  const beside = rollout.beside;
  if (beside === undefined || beside.isEmpty) return;
  const late = rollout.course.steps.filter((step) => beside.holdsBack(step)).map((step) => beside.sinceBefore(step));
  await beside.takeDown(rollout.course.steps, rollout.session.limit);
  await rollout.writeSteps(late);
  await rollout.awaitReady();
}

/** Last of all, so that the new version serves before the old one's parts go. */
export async function pruneAbandoned(rollout: Rollout): Promise<void> {
  const { client, limit, reporter } = rollout.session;
  await prune(client, rollout.abandoned, limit, (footprint) => {
    rollout.begun.set(keyOf(footprint.ref), sinceBefore(rollout.leftovers, footprint));
    rollout.course = { ...rollout.course, removed: [...rollout.course.removed, footprint.ref] };
    reporter.line(`  ${titleOfRef(footprint.ref)} removed`);
  }).catch(rethrow);
}

/** Notes that the application has reached what was wanted, as a new revision if anything is new. */
export async function complete(rollout: Rollout): Promise<RolloutResult> {
  const { steps, written, removed } = rollout.course;
  const changed =
    removed.length > 0 || rollout.leftovers.size > 0 || written.some(({ change }) => change !== 'unchanged');
  const completion = {
    run: rollout.request.run,
    manifests: rollout.placed,
    written: steps.map(({ ref }) => ref),
    removed,
    changed,
    restores: rollout.restores,
  };
  await rollout.session.noteSuccess(completed(rollout.session.record, completion));
  if (!changed) return 'unchanged';
  return rollout.restores === undefined ? 'deployed' : 'rolledBack';
}
