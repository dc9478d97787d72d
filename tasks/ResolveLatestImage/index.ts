import { deadline } from '../../lib/agent/deadline.ts';
import { networkOf } from '../../lib/agent/network.ts';
import { registryRoute } from '../../lib/agent/registry.ts';
import { runTask } from '../../lib/agent/run-task.ts';
import { createDispatcher } from '../../lib/http/dispatcher.ts';
import { formatImage } from '../../lib/oci/image-name.ts';
import { findImage } from '../../lib/oci/newest/newest-image.ts';
import { Repository } from '../../lib/oci/repository.ts';
import { checkAge } from './age.ts';
import { deployedImage } from './deployed.ts';
import { carriesLatest, latestModel } from './latest-model.ts';
import { lineageOf } from './lineage.ts';
import { gatesOf } from './gates.ts';
import { factsOf, summaryOf } from './summary.ts';
import { checkTrust } from './trust.ts';
import { wantedImage } from './wanted.ts';

void runTask('ResolveLatestImage', async (agent) => {
  const { inputs } = agent;
  const signal = deadline(agent);
  const wanted = wantedImage(inputs);
  const gates = gatesOf(inputs);
  const mostImages = inputs.integer('maximumImages', { min: 1, max: 100_000 });
  const route = await registryRoute(agent, createDispatcher(networkOf(agent)));
  const { client, target, isAzure } = route;
  const onNote = (text: string): void => agent.log(text);

  const [found, latest, deployed] = await Promise.all([
    findImage(client, target, wanted, { isAzure, mostImages, onNote, signal }),
    latestModel(agent, signal),
    deployedImage(agent, route, signal),
  ]);
  const image = formatImage({ ...target, tag: undefined, digest: found.digest });
  const lineage = lineageOf(found.labels);
  agent.log(`Found ${image} (${found.tags.join(', ')})`);
  checkAge(image, found, gates.maxAgeDays, new Date());
  const modelIsLatest = carriesLatest(image, lineage, latest);
  await checkTrust(new Repository(client, target, 'pull'), found, gates, signal);

  const facts = factsOf({ image, found, lineage, deployed, gates, modelIsLatest });
  agent.setOutputs({
    image,
    imageDigest: found.digest,
    imageTag: found.tags[0] ?? '',
    imageTags: found.tags.join(','),
    created: facts.created ?? '',
    pushed: facts.pushed ?? '',
    appRevision: lineage.revision ?? '',
    modelName: lineage.model.name ?? '',
    modelVersion: lineage.model.version ?? '',
    modelDigest: lineage.model.digest ?? '',
    modelIsLatest: modelIsLatest ?? '',
    baseDigest: lineage.base.digest ?? '',
    deployedImage: deployed?.image ?? '',
    changed: facts.changed,
  });
  agent.uploadSummary(summaryOf(facts));
  agent.attachFacts(facts);
  agent.log(facts.changed ? `To be rolled out: ${image}` : `Unchanged: ${image} is deployed already`);
});
