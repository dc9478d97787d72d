import { execFileSync } from 'node:child_process';

/**
 * Runs Docker's command for an engine and gives what it printed.
 *
 * @throws Error with what it wrote to stderr, where it fails
 */
export function dockerCommand(engine: string, args: readonly string[]): string {
  return execFileSync('docker', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DOCKER_HOST: engine },
  });
}
