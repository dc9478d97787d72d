import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { refusalOfProxy } from '../http/proxy.ts';
import { codeOf } from '../http/retry.ts';

/** The error for a part of Azure that gave no answer. */
export function unreachable(host: string, cause: unknown): DeliveryError {
  const refusal = refusalOfProxy(cause);
  return new DeliveryError('AZURE_UNREACHABLE', {
    message: `${host} could not be reached: ${refusal?.why ?? codeOf(cause) ?? messageOf(cause)}.`,
    remedy:
      refusal?.remedy ??
      'Check that the agent may connect there (firewall, proxy), and that it trusts its certificate.',
    cause,
  });
}

/** The error for a part of Azure that did not recover in time. */
export function busy(host: string, status: number): DeliveryError {
  return new DeliveryError('AZURE_BUSY', {
    message: `${host} kept answering ${status}${status === 429 ? ', too many requests' : ''}.`,
    remedy: 'Run the task again later.',
  });
}
