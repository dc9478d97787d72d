import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

async function rulesIn(file: string): Promise<readonly unknown[]> {
  const text = await readFile(join(import.meta.dirname, '..', '..', '..', 'docs', file), 'utf8');
  return (parse(text) as { readonly rules: readonly unknown[] }).rules;
}

describe('the ClusterRole for namespaces that a rollout makes', () => {
  it('allows what the Role does, and to make namespaces', async () => {
    const [namespaces, ...rest] = await rulesIn('rollout-namespace-role.yml');
    assert.deepEqual((namespaces as { readonly resources: readonly string[] }).resources, ['namespaces']);
    assert.deepEqual(rest, await rulesIn('rollout-role.yml'));
  });
});
