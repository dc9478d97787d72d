import { asError, messageOf } from '../../errors/delivery-error.ts';
import { explained } from '../client/kube-client.ts';
import { diagnose } from '../diagnosis/diagnose.ts';
import { NotReadyError } from '../readiness/await-ready.ts';
import { notRestored, untouched } from '../strategies/outcome.ts';
import { stillBeside } from './decide.ts';
import { endingWith, namingTheLate } from './failure.ts';
import { left, undone } from './journal.ts';
import type { RolloutReport } from './report.ts';
import type { Rollout } from './rollout.ts';
import { undo } from './undo.ts';
import type { Undone } from './undo.ts';

/** Ends a rollout that failed: gathers the evidence, then puts everything back, unless it is to be kept. */
export async function fail(rollout: Rollout, error: unknown): Promise<RolloutReport> {
  const { client, view, reporter, stopped } = rollout.session;
  if (error instanceof NotReadyError) rollout.course = { ...rollout.course, standings: error.standings };
  const reason = reasonOf(rollout, error);
  // What waits for its promotion stays, as long as that has not begun.
  const standsBeside = rollout.beside?.isEmpty === false && rollout.request.goal.action !== 'promote';
  const isRecovering = rollout.recovery === 'underWay';
  if (rollout.begun.size === 0 && !standsBeside && !isRecovering) return refused(rollout, reason);
  reporter.line(`✗ ${messageOf(reason)}`);
  if (rollout.session.isOvertaken) return rollout.report('notRestored', reason);
  // The record still tells what to put back.
  if (isRecovering) return rollout.report('notRestored', endingWith(reason, STILL_LEFT, 'notRestored'));
  if (!stopped.aborted) {
    const findings = await diagnose(client, view, rollout.course.standings, stopped).catch(() => []);
    for (const { title, lines } of findings) reporter.group(title, lines);
    rollout.course = { ...rollout.course, findings };
  }
  if (rollout.request.onFailure === 'restore') return undoAll(rollout, reason);
  const refs = [...rollout.begun.values()].map(({ ref }) => ref);
  await rollout.session.noteEnd((record) => stillBeside(rollout, left(record, refs)));
  return rollout.report('kept', endingWith(reason, 'It was left as it is, because onFailure is keep.', 'kept'));
}

const STILL_LEFT = 'What an earlier run has left is still there; the next run begins with that.';
const TAKEN_BACK = 'What an earlier run had left was taken back.';

/** Nothing was written, but for what was taken back of an earlier run. */
async function refused(rollout: Rollout, reason: Error): Promise<RolloutReport> {
  await rollout.session.noteEnd((record) => stillBeside(rollout, undone(record)));
  if (rollout.recovery === 'none') return rollout.report('refused', reason);
  return rollout.report('restored', endingWith(reason, TAKEN_BACK, 'restored'));
}

async function undoAll(rollout: Rollout, reason: Error): Promise<RolloutReport> {
  const { result, sentence } = await goBack(rollout, reason);
  rollout.session.reporter.line(sentence);
  // What could not be put back stays in the record, for the next run to put back.
  if (result !== 'notRestored') await rollout.session.noteEnd((record) => stillBeside(rollout, undone(record)));
  return rollout.report(result, endingWith(reason, sentence, result));
}

/** The stable version is what it was, and healthy, before anything that stands beside it is taken away. */
async function goBack(rollout: Rollout, reason: Error): Promise<Undone> {
  const { client, view, reporter, stopped: signal } = rollout.session;
  const begun = [...rollout.begun.values()];
  const undone = begun.length === 0 ? untouched(reason) : await undo({ client, view, reporter, begun, signal });
  const isBack = undone.result !== 'notRestored' && undone.result !== 'restoredUnhealthy';
  if (!isBack || rollout.beside === undefined || rollout.beside.isEmpty) return undone;
  // A version whose promotion failed has passed its trial.
  const state = begun.length === 0 ? 'unsound' : 'sound';
  const stranded = await rollout.beside.goBack(signal.aborted ? 'hurried' : state);
  return stranded.length === 0 ? undone : { result: 'notRestored', sentence: messageOf(notRestored(stranded)) };
}

function reasonOf(rollout: Rollout, error: unknown): Error {
  const reason = error instanceof NotReadyError ? error.reason : asError(explained(error));
  return namingTheLate(reason, rollout.course.standings);
}
