/** What a {@link DeliveryError} is made of. */
export interface DeliveryErrorParts {
  /** One sentence of what failed, with the names involved (account, container, registry, namespace, …). */
  readonly message: string;
  /** One sentence of what the user can do about it. */
  readonly remedy: string;
  /** The error underneath, shown only under `System.Debug`. */
  readonly cause?: unknown;
}

/**
 * A failure that a user can act on. Everything that `lib` throws on purpose is one of these; anything else that
 * reaches the task is a bug and is reported as such.
 */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  /** Stable and searchable, such as `MODEL_NOT_FOUND`; each is explained in docs/troubleshooting.md. */
  readonly code: string;
  readonly remedy: string;

  constructor(code: string, { message, remedy, cause }: DeliveryErrorParts) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.remedy = remedy;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Anything that was thrown, as an error that can be thrown on. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
