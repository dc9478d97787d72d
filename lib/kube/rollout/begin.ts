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
import { rethrow } from '../client/rethrow.ts';
import { withImageFacts } from '../manifests/lineage.ts';
import type { ManifestObject } from '../manifests/manifest-object.ts';
import { Beside } from '../strategies/beside.ts';
import { labelOf, notRestored, pendingOf } from '../strategies/outcome.ts';
import { trialTime } from '../strategies/strategy.ts';
import { beginning } from './journal.ts';
import { BY_INPUT, missingNamespaces } from './missing-namespaces.ts';
import { plan } from './prepare.ts';
import { leftoversIn, untilSettled } from './recover.ts';
import { missingRights, rightsToHold, rightsToMakeNamespaces } from './rights.ts';
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
  if (goal.action === 'deploy') {
    const factsOf = await goal.imageFacts;
    rollout.manifests = rollout.manifests.map((one) => ({ ...one, object: withImageFacts(one.object, factsOf) }));
  }
  if (goal.action === 'promote')
    rollout.manifests = unpack(pendingOf(rollout.session.record, application, goal).manifests);
  if (goal.action === 'rollback')
    goBackTo(rollout, revisionToRestore(application, rollout.session.record, goal.revision));
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
  const staged = [...left.values()].filter(({ isStaged }) => isStaged === true);
  const own = [...left].filter(([, { isStaged }]) => isStaged !== true);
  // The stable version serves again before requests go to it alone.
  if (staged.length > 0)
    await putBackStable(
      rollout,
      own.map(([, footprint]) => footprint),
    );
  await takeUpBeside(rollout, application, staged);
  rollout.leftovers = new Map([...own, ...made.map((home) => [keyOf(home.ref), home] as const)]);
  for (const [key, footprint] of rollout.leftovers) rollout.begun.set(key, footprint);
  await untilSettled(rollout.session.client, left, rollout.session.limit);
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
  await view.open(begun.map(({ ref }) => ref)).catch(rethrow);
  const { result, sentence } = await undo({ client, view, reporter, begun, signal });
  if (result === 'notRestored') throw notRestored([sentence]);
}

/**
 * Takes up what an earlier run has left beside the stable version: to promote or reject it, or else to take it away.
 *
 * @param stranded what a run has left that did not finish
 */
async function takeUpBeside(rollout: Rollout, application: Application, stranded: readonly Footprint[]): Promise<void> {
  const { client, view, reporter, record } = rollout.session;
  const { goal, run, forceConflicts } = rollout.request;
  const decides = goal.action === 'promote' || goal.action === 'reject';
  const pending = decides ? pendingOf(record, application, goal) : record.pending;
  const { timeline } = rollout.course;
  const keep = (staged: readonly Footprint[]): Promise<void> =>
    rollout.session.noteBeginning(beginning(rollout.session.record, run, [...rollout.begun.values(), ...staged]));
  rollout.beside = new Beside(
    { client, view, reporter, timeline, application: labelOf(application), force: forceConflicts, keep },
    [...stranded, ...(pending === undefined ? [] : unpack(pending.footprints))],
  );
  if (decides || rollout.beside.isEmpty) return;
  reporter.line('A new version that an earlier run has left beside the stable one makes way.');
  const failures = await rollout.beside.goBack(rollout.session.stopped.aborted ? 'hurried' : 'sound');
  if (failures.length > 0) throw notRestored(failures);
  await rollout.session.noteSuccess({ ...rollout.session.record, pending: undefined });
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
