import { explained } from './kube-client.ts';

/** Throws on what a failed call threw, with what its refusal means in general. */
export function rethrow(error: unknown): never {
  throw explained(error);
}
