import assert from 'node:assert/strict';
import type { Agent } from '../../../lib/agent/agent.ts';
import { modelSource, repositoryAddress } from '../../../lib/agent/model-source.ts';

const agentOf = (uri: string): Agent =>
  ({ variable: (name: string) => (name === 'Build.Repository.Uri' ? uri : undefined) }) as unknown as Agent;

describe('the address of the sources', () => {
  for (const [uri, address] of [
    ['https://dev.azure.com/org/shop/_git/app', 'https://dev.azure.com/org/shop/_git/app'],
    ['https://user:secret@example.com/app', 'https://example.com/app'],
    ['https://secret@example.com:8443/app?token=secret#secret', 'https://example.com:8443/app'],
    ['ssh://git:secret@example.com/app?token=secret', 'ssh://example.com/app'],
    ['git@github.com:org/app.git', 'git@github.com:org/app.git'],
  ] as const) {
    it(`${uri} is told as ${address}`, () => {
      assert.equal(repositoryAddress(agentOf(uri)), address);
      assert.deepEqual(modelSource(agentOf(uri), undefined), { repository: address });
    });
  }
});
