// A registry of a test's own with one user.
import type { Login } from '../../lib/oci/login.ts';
import type { Registry } from '../../tools/services/registry.ts';
import { startThrowawayRegistry, type Stoppable } from '../../tools/services/throwaway.ts';

export interface TestRegistry extends Registry, Stoppable {
  readonly username: string;
  readonly password: string;
  readonly login: Login;
}

/** Starts the real registry on a free port; only its one user may pull and push. */
export async function startHtpasswdRegistry(): Promise<TestRegistry> {
  const user = { username: 'pusher', password: 'correct horse battery' };
  const login: Login = { kind: 'password', ...user, from: 'a test' };
  return { ...user, login, ...(await startThrowawayRegistry({ users: { [user.username]: user.password } })) };
}
