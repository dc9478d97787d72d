import type { ReachedThrough } from '../client/transport.ts';

/** How one pod is reached: through the API server, with the rights of the connection (`pods/proxy`). */
export interface PodAddress extends ReachedThrough {
  readonly pod: string;
}

/** Both versions, as a check reaches them. A stable version that is broken has no pods. */
export interface Versions {
  readonly next: readonly PodAddress[];
  readonly stable: readonly PodAddress[];
}

/**
 * Something that must hold of a new version while it runs beside the old one. What is checked is not this folder's to
 * know: the task joins HTTP checks and score cases to it.
 */
export interface VersionCheck {
  /** `GET /version`. */
  readonly title: string;
  /**
   * @returns what was seen, in a clause
   * @throws CheckFailed if it does not hold; any other error means that it could not be found out
   */
  readonly run: (versions: Versions, signal: AbortSignal) => Promise<string>;
}

/** A check found the new version wanting. The message is a clause: `GET /version answered 500`. */
export class CheckFailed extends Error {
  override readonly name = 'CheckFailed';
}
