import { keyOf } from '../application/footprint.ts';
import type { Footprint } from '../application/footprint.ts';
import { discoverKinds } from '../client/discovery.ts';
import type { ObjectRef } from '../client/resource.ts';
import { rethrow } from '../client/rethrow.ts';
import { withRunFacts } from '../manifests/lineage.ts';
import type { Beside } from '../strategies/beside.ts';
import { podCounter } from '../strategies/timeline.ts';
import { BY_INPUT } from './missing-namespaces.ts';
import { planRollout } from './plan.ts';
import { previewOf, tellPreview } from './preview.ts';
import { abandonedBy } from './prune.ts';
import { refuseMissingRights, rightsToWrite } from './rights.ts';
import type { Rollout } from './rollout.ts';

/** Everything that can fail without having changed anything. */
export async function prepare(rollout: Rollout): Promise<void> {
  const { client, limit, record, reporter } = rollout.session;
  await findSteps(rollout);
  // Followed from before the first write on, so that no event is missed. What the server says of the objects tells more than
  // what it shows of them.
  const [judged, followed] = await Promise.allSettled([rollout.judge('first'), follow(rollout)]);
  if (judged.status === 'rejected') throw judged.reason;
  if (followed.status === 'rejected') throw followed.reason;
  const { steps } = rollout.course;
  reporter.line(`${steps.length} objects for ${rollout.request.access.server}`);
  if (rollout.request.prune) {
    const scope = { applied: record.objects, wanted: steps, leftovers: rollout.leftovers };
    rollout.abandoned = await abandonedBy(client, scope, limit).catch(rethrow);
  }
  const changes = previewOf(steps, rollout.abandoned);
  rollout.course = { ...rollout.course, changes };
  tellPreview(changes, steps.length, reporter);
  await refuseMissingWrites(rollout);
  rollout.course.timeline.mark('begins');
}

/** A right that is missing shows before anything is changed. Nothing is, in a dry run. */
async function refuseMissingWrites({ request, session, course, abandoned }: Rollout): Promise<void> {
  if (request.dryRun) return;
  const wanted = rightsToWrite([...course.steps, ...abandoned], request.onFailure === 'restore');
  await refuseMissingRights(session.client, wanted, session.limit);
}

/**
 * Finds out what there is to write, and whether the server would accept it.
 *
 * @param beside what it has changed or made can be judged only when that is back as it was
 */
export async function plan(rollout: Rollout, beside?: Beside): Promise<void> {
  await findSteps(rollout);
  const staged = new Set(beside?.staged.map(({ ref }) => keyOf(ref)));
  const steps = rollout.course.steps.filter(({ ref }) => !staged.has(keyOf(ref)));
  rollout.course = { ...rollout.course, steps };
  await rollout.judge('first');
}

async function findSteps(rollout: Rollout): Promise<void> {
  const { client, limit } = rollout.session;
  const { goal, namespace, access } = rollout.request;
  // The manifests of a revision have their places already.
  const place = {
    namespace: goal.action === 'deploy' ? namespace : undefined,
    fallback: access.namespace ?? 'default',
  };
  const kinds = await (rollout.kinds ?? discoverKinds(client, rollout.manifests, limit)).catch(rethrow);
  const steps = await planRollout(client, rollout.manifests, place, kinds, limit);
  // What tells of this run, and what only this run makes, is no part of the application's revision.
  rollout.placed = steps
    .filter(({ source }) => source !== BY_INPUT)
    .map(({ desired, source }) => ({ object: desired, source }));
  const signed = steps.map((step) => ({ ...step, desired: withRunFacts(step.desired, rollout.request.run) }));
  rollout.course = { ...rollout.course, steps: signed };
}

async function follow(rollout: Rollout): Promise<void> {
  const { view } = rollout.session;
  const { steps, timeline } = rollout.course;
  // The others are followed once what they stand on is there.
  const first = steps.filter(({ judged }) => judged !== 'onGround');
  const beside = rollout.beside?.watched ?? [];
  await view.open([...first, ...beside, ...rollout.orphans].map(({ ref }) => ref)).catch(rethrow);
  timeline.countBy(podCounter(view, refsOfDeployments(steps), refsOfDeployments(beside)));
}

function refsOfDeployments(footprints: readonly Footprint[]): readonly ObjectRef[] {
  return footprints.map(({ ref }) => ref).filter(({ resource }) => resource.kind === 'Deployment');
}
