import type { RolloutReporter } from '../reporter.ts';
import { begin } from './begin.ts';
import { complete, proveBeside, pruneAbandoned, takeDownBeside, writeAll } from './carry-out.ts';
import { leaveWaiting, rejectBeside } from './decide.ts';
import { fail } from './fail.ts';
import { prepare } from './prepare.ts';
import type { RolloutReport } from './report.ts';
import type { RolloutRequest } from './request.ts';
import { Rollout } from './rollout.ts';
import { Session } from './session.ts';

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
  const rollout = new Rollout(request, session);
  try {
    return await phases(rollout);
  } catch (error) {
    return await fail(rollout, error);
  } finally {
    await session.close();
  }
}

/** A rollout from its first phase to its last. Throws what went wrong. */
async function phases(rollout: Rollout): Promise<RolloutReport> {
  const { goal, dryRun } = rollout.request;
  await begin(rollout);
  if (goal.action === 'reject') return dryRun ? rollout.report('previewed', undefined) : rejectBeside(rollout);
  await prepare(rollout);
  if (dryRun) return rollout.report('previewed', undefined);
  if ((await proveBeside(rollout)) === 'waits') return leaveWaiting(rollout);
  await writeAll(rollout);
  await rollout.awaitReady();
  await takeDownBeside(rollout);
  await pruneAbandoned(rollout);
  return rollout.report(await complete(rollout), undefined);
}
