import { pack } from '../application/packed.ts';
import type { ApplicationRecord, Pending } from '../application/record.ts';
import { notRestored } from '../strategies/outcome.ts';
import { waiting } from './journal.ts';
import type { RolloutReport } from './report.ts';
import type { Rollout } from './rollout.ts';

/** Ends with both versions up. */
export async function leaveWaiting(rollout: Rollout): Promise<RolloutReport> {
  await rollout.session.noteSuccess(waiting(rollout.session.record, pendingNow(rollout)));
  rollout.session.reporter.line('The new version stands beside the old one, until somebody promotes or rejects it.');
  return rollout.report('waiting', undefined);
}

/** Takes the new version away, because somebody said so. */
export async function rejectBeside(rollout: Rollout): Promise<RolloutReport> {
  const stranded = (await rollout.beside?.goBack(rollout.session.stopped.aborted ? 'hurried' : 'sound')) ?? [];
  if (stranded.length > 0) return rollout.report('notRestored', notRestored(stranded));
  await rollout.session.noteSuccess({ ...rollout.session.record, pending: undefined });
  return rollout.report('rejected', undefined);
}

/** What still stands beside the stable version can be promoted or rejected. */
export function stillBeside(rollout: Rollout, record: ApplicationRecord): ApplicationRecord {
  return rollout.beside?.isEmpty === false ? waiting(record, pendingNow(rollout)) : record;
}

/** What must be known to promote or reject what stands beside the stable version. */
function pendingNow(rollout: Rollout): Omit<Pending, 'since'> {
  const { run, strategy } = rollout.request;
  const footprints = pack(rollout.beside?.staged ?? []);
  return { strategy: strategy.kind, run, manifests: pack(rollout.placed), footprints, state: {} };
}
