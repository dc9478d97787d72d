import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Agent } from '../../lib/agent/agent.ts';
import { fullPath } from '../../lib/agent/working-folder.ts';
import { DeliveryError, messageOf } from '../../lib/errors/delivery-error.ts';
import type { TestFacts } from './facts.ts';

/**
 * Writes the facts to `resultsFile`, if that is given, so that a later run can take them for its baseline.
 *
 * @throws DeliveryError `RESULTS_NOT_WRITTEN`
 */
export async function keepResults(agent: Agent, facts: TestFacts): Promise<void> {
  const path = agent.inputs.optionalText('resultsFile');
  if (path === undefined) return;
  const file = fullPath(agent, path);
  try {
    await mkdir(dirname(file), { recursive: true });
    // The file may become an artifact, and no agent looks through that for secrets.
    await writeFile(file, agent.masked(`${JSON.stringify(facts, null, 2)}\n`));
  } catch (cause) {
    throw new DeliveryError('RESULTS_NOT_WRITTEN', {
      message: `The results cannot be written to ${file}: ${messageOf(cause)}.`,
      remedy: 'Give a path in a folder of the job, such as $(Build.ArtifactStagingDirectory)/test.json.',
      cause,
    });
  }
}
