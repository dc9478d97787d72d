import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../errors/delivery-error.ts';
import { configuredLogin } from '../oci/docker-config.ts';
import { type Login, secretsOf } from '../oci/login.ts';
import type { Agent } from './agent.ts';

/**
 * Reads docker's configuration on the agent, which `docker login` and the task Docker@2 write: what it holds itself. Programs that
 * keep logins (`credHelpers`, `credsStore`) are not run; the log says so.
 *
 * @returns finds the login of a registry, as images name it
 */
export async function dockerLogins(agent: Agent): Promise<(registry: string) => Login | undefined> {
  const file = join(
    agent.variable('DOCKER_CONFIG') ?? process.env.DOCKER_CONFIG ?? join(homedir(), '.docker'),
    'config.json',
  );
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return () => undefined;
  return (registry) => {
    try {
      const found = configuredLogin(text, registry, file);
      if (found.kind === 'helper') {
        agent.log(
          `${file} has the login of ${registry} kept by docker-credential-${found.helper}, which is not run: choose a service connection if ${registry} wants to know who asks.`,
        );
      }
      if (found.kind !== 'login') return undefined;
      for (const secret of secretsOf(found.login)) agent.hide(secret);
      return found.login;
    } catch (error) {
      agent.warn(`${file} cannot be read, so no login is taken from there: ${messageOf(error)}`);
      return undefined;
    }
  };
}
