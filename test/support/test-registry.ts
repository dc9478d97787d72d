// A registry of a test's own with one user.
import type { Registry } from '../../tools/services/registry.ts';
import { startThrowawayRegistry, type Stoppable } from '../../tools/services/throwaway.ts';

export interface TestRegistry extends Registry, Stoppable {
  readonly username: string;
  readonly password: string;
}

/** Starts the real registry on a free port; only its one user may pull and push. */
export async function startHtpasswdRegistry(): Promise<TestRegistry> {
  const user = { username: 'pusher', password: 'correct horse battery' };
  return { ...user, ...(await startThrowawayRegistry({ [user.username]: user.password })) };
}
