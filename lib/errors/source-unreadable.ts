import { DeliveryError, messageOf } from './delivery-error.ts';

/**
 * What a failed read of something that shall go into an image means to the user: it is gone, or closed to the agent. An error
 * that the system did not give, such as that of an aborted signal, stays what it is.
 */
export function sourceUnreadable(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || (error as NodeJS.ErrnoException).syscall === undefined) return error;
  return new DeliveryError('SOURCE_UNREADABLE', {
    message: `${path} cannot go into the image: ${messageOf(error)}.`,
    remedy: "Let the agent's user read it and nothing remove it meanwhile, or take it out of the folder.",
    cause: error,
  });
}
