/** The agent gives about 7.5 s between its first signal and the next; the writes must be out well before. */
const HURRIED = 5_000;
/** Putting back is a few requests an object; an API server that is away may need a while. */
const UNHURRIED = 120_000;

/**
 * Ends writes that put things back.
 *
 * @param isHurried the run was told to stop
 */
export function putBackLimit(isHurried: boolean): AbortSignal {
  return AbortSignal.timeout(isHurried ? HURRIED : UNHURRIED);
}
