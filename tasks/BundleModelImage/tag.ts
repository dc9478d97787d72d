import type { Agent } from '../../lib/agent/agent.ts';
import { commitTime } from '../../lib/agent/commit-time.ts';
import { deadline } from '../../lib/agent/deadline.ts';
import { networkOf } from '../../lib/agent/network.ts';
import { namedImage } from '../../lib/agent/registry.ts';
import { createDispatcher } from '../../lib/http/dispatcher.ts';
import { formatImage } from '../../lib/oci/image-name.ts';
import { tagImage } from '../../lib/oci/tag-image.ts';
import { imageTags } from './image-tags.ts';
import type { Report } from './report.ts';
import { tagSummary } from './summary.ts';

/** Lets tags point at an image that is in the registry already: one that has passed its tests, or an approval. */
export async function tag(agent: Agent): Promise<Report> {
  const signal = deadline(agent);
  const { image, client } = await namedImage(agent, createDispatcher(networkOf(agent)));
  const tags = imageTags(agent, undefined, await commitTime(agent));
  const immutableTags = agent.inputs.flag('immutableTags');

  const { digest, changed } = await tagImage({ image, tags, immutableTags }, client, signal);

  const pinned = formatImage({ ...image, digest });
  agent.log(`${changed ? 'Tagged' : 'Unchanged:'} ${pinned} as ${tags.join(', ')}`);
  const facts = { image: pinned, imageDigest: digest, imageTags: tags, imageChanged: changed };
  return { outputs: { ...facts, imageTags: tags.join(',') }, summary: tagSummary(facts), facts };
}
