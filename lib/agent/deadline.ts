import { DeliveryError } from '../errors/delivery-error.ts';
import type { Agent } from './agent.ts';

/**
 * Aborts when the agent cancels the task, or after `timeoutMinutes`, then with `TIMED_OUT`.
 *
 * @throws DeliveryError `INPUT_MISSING`, `INPUT_INVALID`
 */
export function deadline(agent: Agent): AbortSignal {
  const minutes = agent.inputs.integer('timeoutMinutes', { min: 1, max: 1440 });
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(
      new DeliveryError('TIMED_OUT', {
        message: `${agent.taskName} was not done after ${minutes} minutes.`,
        remedy: 'Raise timeoutMinutes if so much has to move, or look in the log for what was slow.',
      }),
    );
  }, minutes * 60_000);
  timer.unref();
  return AbortSignal.any([agent.signal, limit.signal]);
}
