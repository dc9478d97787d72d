// Looks for secrets in the log of a task.
import assert from 'node:assert/strict';
import type { AksCluster } from '../../tools/services/azure/cluster-front.ts';
import type { TestAzure } from './azure.ts';

/** All that a log must not show of a cluster that is reached by an Azure connection. */
export function secretsOf(azure: TestAzure, { tokens, description: { user, admin } }: AksCluster): readonly string[] {
  return [...azure.secrets, ...tokens, ...[user, admin].flatMap(({ key, token }) => [key, token])];
}

/** Fails where a log shows one of some secrets, in any of its usual spellings. */
export function assertNotShown(log: string, secrets: readonly string[]): void {
  // What the agent hid was printed: another agent might not know it.
  assert.ok(!log.includes('***'), log);
  for (const secret of secrets.flatMap((each) => each.split('\n')).filter((line) => line.length > 8)) {
    if (secret.startsWith('-----')) continue;
    const spellings = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').replace(/=+$/, '')];
    for (const spelling of spellings) assert.ok(!log.includes(spelling), `${spelling} in\n${log}`);
  }
}
