import { applicationOf } from '../application/application.ts';
import type { Application, ApplicationChoice } from '../application/application.ts';
import { findApplication } from '../application/find-application.ts';
import { keyOf } from '../application/footprint.ts';
import type { Footprint } from '../application/footprint.ts';
import { unpack } from '../application/packed.ts';
import type { Revision } from '../application/record.ts';
import { originOf, revisionToRestore } from '../application/revision-to-restore.ts';
import { ApiError, namespaceNotFound } from '../client/api-error.ts';
import { discoverKinds } from '../client/discovery.ts';
import { rightsMissing } from '../client/kube-client.ts';
import { NAMESPACES } from '../client/resource.ts';
import { withImageFacts } from '../manifests/lineage.ts';
import type { ManifestObject } from '../manifests/manifest-object.ts';
import { Beside } from '../strategies/beside.ts';
import { labelOf, notRestored, pendingOf } from '../strategies/outcome.ts';
import { trialTime } from '../strategies/strategy.ts';
import { beginning, undone } from './journal.ts';
import { BY_INPUT, missingNamespaces } from './missing-namespaces.ts';
import { plan } from './prepare.ts';
import { leftoversIn, untilSettled } from './recover.ts';
import { missingRights, rightsToHold, rightsToMakeNamespaces } from './rights.ts';
import type { Goal } from './request.ts';
import type { Rollout } from './rollout.ts';
import { undo } from './undo.ts';

/** Finds the application and takes hold of it, so that nobody else changes it from here on. */
export async function begin(rollout: Rollout): Promise<void> {
  const { goal } = rollout.request;
  const application = await applicationFor(rollout);
  rollout.course = { ...rollout.course, application: application.name };
  if (goal.action === 'deploy') {
    rollout.manifests = [...goal.manifests, ...(await namespacesToMake(rollout, goal.manifests))];
    rollout.kinds = startedEarly(discoverKinds(rollout.session.client, rollout.manifests, rollout.session.limit));
  }
  // To look only, it need not be held.
  if (rollout.request.dryRun) await rollout.session.lookAt(application);
  else await takeHold(rollout, application);
  const { record } = rollout.session;
  if (goal.action === 'deploy') {
    const factsOf = await goal.imageFacts;
    rollout.manifests = rollout.manifests.map((one) => ({ ...one, object: withImageFacts(one.object, factsOf) }));
  }
  if (decides(goal)) rollout.manifests = unpack(pendingOf(record, application, goal).manifests);
  if (goal.action === 'rollback') goBackTo(rollout, revisionToRestore(application, record, goal.revision));
  if (!rollout.request.dryRun) await takeUpWaiting(rollout, application);
}

/** Whether somebody has the last word about a version that waits. */
function decides({ action }: Goal): boolean {
  return action === 'promote' || action === 'reject';
}

/** What is asked for while something else goes on; until it is waited for, its failure is nobody's. */
function startedEarly<Answer>(answer: Promise<Answer>): Promise<Answer> {
  answer.catch(() => undefined);
  return answer;
}

async function takeHold(rollout: Rollout, application: Application): Promise<void> {
  await refuseMissingHold(rollout, application);
  const made: Footprint[] = [];
  const makeHome = async (): Promise<void> => void made.push(...(await createHome(rollout, application)));
  const trialMs = trialTime(rollout.request.strategy);
  await rollout.session.takeHold(application, { ...rollout.request, trialMs, makeHome });
  const left = leftoversIn(rollout.session.record, rollout.session.reporter);
  const still = await recover(rollout, application, [...left.values()]);
  rollout.leftovers = new Map([...still, ...made].map((footprint) => [keyOf(footprint.ref), footprint]));
  for (const [key, footprint] of rollout.leftovers) rollout.begun.set(key, footprint);
  await untilSettled(rollout.session.client, left, rollout.session.limit);
}

/**
 * Takes back what a run has left that did not finish, where a version of it stands beside the stable one, or where this run
 * has nothing to put in its place.
 *
 * @returns what is left all the same: objects that go straight to where this run wants them
 */
async function recover(
  rollout: Rollout,
  application: Application,
  left: readonly Footprint[],
): Promise<readonly Footprint[]> {
  const staged = left.filter(({ isStaged }) => isStaged === true);
  const isReplaced = staged.length === 0 && !decides(rollout.request.goal);
  if (isReplaced || left.length === 0) return left;
  rollout.recovery = 'underWay';
  // The stable version serves again before requests go to it alone.
  await putBackStable(
    rollout,
    left.filter(({ isStaged }) => isStaged !== true),
  );
  await makeWay(rollout, besideOf(rollout, application, staged));
  return [];
}

/**
 * Makes sure that the application may be held, and its namespace be made if that has to be.
 *
 * @throws DeliveryError `CLUSTER_FORBIDDEN`
 */
async function refuseMissingHold({ request, manifests, session }: Rollout, application: Application): Promise<void> {
  const { client, limit } = session;
  const makes = manifests.some(({ source }) => source === BY_INPUT);
  const wanted = [...rightsToHold(application), ...(request.createNamespace ? rightsToMakeNamespaces() : [])];
  const missing = await missingRights(client, wanted, limit);
  // Where the namespace is there already, nobody has to make it.
  const isLacking = makes ? missing.length > 0 : missing.some(({ right }) => right.namespace !== undefined);
  if (isLacking) throw rightsMissing(missing, request.createNamespace ? wayToNamespace(application) : undefined);
}

function wayToNamespace({ namespace }: Application): string {
  return `To make namespaces and roll out into them, bind docs/rollout-namespace-role.yml to it by a ClusterRoleBinding. Or let somebody else make the namespace ${namespace}, with docs/rollout-role.yml bound in it.`;
}

/** Puts back what an earlier run has written into the stable version, and waits until that is healthy. */
async function putBackStable(rollout: Rollout, begun: readonly Footprint[]): Promise<void> {
  if (begun.length === 0) return;
  const { client, view, reporter, stopped: signal } = rollout.session;
  const { result, sentence } = await undo({ client, view, reporter, begun, signal });
  reporter.line(sentence);
  if (result === 'notRestored') throw notRestored([sentence]);
}

/** Takes up the version that waits beside the stable one, if one does: to promote or reject it, or else to take it away. */
async function takeUpWaiting(rollout: Rollout, application: Application): Promise<void> {
  const { pending } = rollout.session.record;
  const beside = besideOf(rollout, application, pending === undefined ? [] : unpack(pending.footprints));
  if (!beside.isEmpty && !decides(rollout.request.goal)) {
    // Should this run be refused, the version goes on waiting.
    await plan(rollout, beside);
    await makeWay(rollout, beside);
  }
  rollout.beside = beside;
}

/** @param staged what an earlier run has left beside the stable version */
function besideOf(rollout: Rollout, application: Application, staged: readonly Footprint[]): Beside {
  const { client, view, reporter } = rollout.session;
  const { run, forceConflicts: force } = rollout.request;
  const { timeline } = rollout.course;
  const keep = (begun: readonly Footprint[]): Promise<void> =>
    rollout.session.noteBeginning(beginning(rollout.session.record, run, [...rollout.begun.values(), ...begun]));
  return new Beside({ client, view, reporter, timeline, application: labelOf(application), force, keep }, staged);
}

/** Takes away what stands beside the stable version. From then on nothing of an earlier run is left to put back. */
async function makeWay(rollout: Rollout, beside: Beside): Promise<void> {
  const { session } = rollout;
  rollout.recovery = 'underWay';
  if (!beside.isEmpty) {
    session.reporter.line('A new version that an earlier run has left beside the stable one makes way.');
    const failures = await beside.goBack(session.stopped.aborted ? 'hurried' : 'sound');
    if (failures.length > 0) throw notRestored(failures);
  }
  await session.noteSuccess(undone(session.record));
  rollout.recovery = 'done';
}

function goBackTo(rollout: Rollout, revision: Revision): void {
  rollout.restores = originOf(revision);
  rollout.manifests = unpack(revision.manifests);
  rollout.session.reporter.line(`Back to revision ${revision.number}, of ${revision.at} by ${revision.run.name}`);
}

async function applicationFor(rollout: Rollout): Promise<Application> {
  const { goal, namespace, access, applicationName: name } = rollout.request;
  const choice: ApplicationChoice = { name, namespace, fallback: access.namespace ?? 'default' };
  if (goal.action === 'deploy') return applicationOf(goal.manifests, choice);
  return findApplication(rollout.session.client, choice, rollout.session.limit);
}

/** Namespaces to be made, if that was asked for. */
async function namespacesToMake(
  { request, session }: Rollout,
  manifests: readonly ManifestObject[],
): Promise<readonly ManifestObject[]> {
  if (!request.createNamespace) return [];
  const place = { namespace: request.namespace, fallback: request.access.namespace ?? 'default' };
  return missingNamespaces(session.client, manifests, place, session.limit);
}

/**
 * Makes the namespace of an application: what is known of it lives there, so that has to be there before everything else.
 *
 * @returns what to put back; nothing if another run made it just now
 */
async function createHome(rollout: Rollout, { namespace: name }: Application): Promise<readonly Footprint[]> {
  const home = rollout.manifests.find(({ object }) => object.kind === 'Namespace' && object.metadata.name === name);
  if (home === undefined) throw namespaceNotFound(name);
  await plan(rollout);
  const ref = { resource: NAMESPACES, namespace: undefined, name };
  try {
    await rollout.session.client.create(ref, home.object, rollout.session.limit);
    return [{ ref, before: undefined, desired: home.object }];
  } catch (error) {
    if (error instanceof ApiError && error.status === 409) return [];
    throw error;
  }
}
