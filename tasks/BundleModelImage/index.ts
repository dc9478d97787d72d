import { commitTime } from '../../lib/agent/commit-time.ts';
import { deadline } from '../../lib/agent/deadline.ts';
import { networkOf } from '../../lib/agent/network.ts';
import { imageRoute } from '../../lib/agent/registry.ts';
import { runTask } from '../../lib/agent/run-task.ts';
import { transferReporter } from '../../lib/agent/transfer-reporter.ts';
import { createDispatcher } from '../../lib/http/dispatcher.ts';
import { formatRepository } from '../../lib/oci/image-name.ts';
import { pushImage, type StoredImage } from '../../lib/oci/push-image.ts';
import { aboutImage } from './about.ts';
import { appToBundle } from './app-source.ts';
import { NOTHING_ATTACHED } from './attachments.ts';
import { withBase } from './base.ts';
import { imageSettings } from './image-inputs.ts';
import { imageTags } from './image-tags.ts';
import { groupsToAdd, modelToBundle } from './model-source.ts';
import { factsOf, summaryOf } from './summary.ts';
import { attachSupplyChain, supplyWishes } from './supply-chain.ts';

void runTask('BundleModelImage', async (agent) => {
  const signal = deadline(agent, agent.inputs.integer('timeoutMinutes', { min: 1, max: 1440 }));
  const route = await imageRoute(agent, createDispatcher(networkOf(agent)));
  const { target, client } = route;
  const settings = imageSettings(agent, target);
  const wishes = await supplyWishes(agent);
  const app = await appToBundle(agent);
  const model = await modelToBundle(agent, signal);
  const groups = groupsToAdd(agent, model, app);
  const created = await commitTime(agent);
  const tags = imageTags(agent, model, created);
  const about = aboutImage(agent, model, tags, created);

  const reporter = transferReporter(agent, 'Sending layers');
  let attached = NOTHING_ATTACHED;
  const beforeTags = async (image: StoredImage): Promise<void> => {
    attached = await attachSupplyChain(agent, wishes, { app, model, created }, image, signal);
  };
  const pushed = await withBase(agent, route, { model, created, signal }, (base) => {
    agent.log(`Bundling onto ${base.name} into ${formatRepository(target)} as ${tags.join(', ')}`);
    return pushImage(
      { base, target, tags, groups, about, created, beforeTags, ...settings },
      { client, onProgress: ({ done, total }) => reporter.progress(done, total), signal },
    );
  });

  const revision = agent.variable('Build.SourceVersion');
  const facts = factsOf(pushed, { target, tags, model, revision, attached });
  agent.setOutputs({
    image: facts.image,
    imageDigest: facts.imageDigest,
    imageTags: tags.join(','),
    imageChanged: facts.imageChanged,
    modelLayers: facts.modelLayers.join(','),
    bytesSent: facts.bytesSent,
    bytesReused: facts.bytesReused,
    modelName: model?.name ?? '',
    modelVersion: model?.version ?? '',
    modelDigest: model?.digest ?? '',
    modelUri: model?.uri ?? '',
    baseDigest: pushed.base.digest,
    sbomDigest: attached.sbom ?? '',
    provenanceDigest: attached.provenance ?? '',
    signatureDigest: attached.signature ?? '',
  });
  agent.uploadSummary(summaryOf(facts));
  agent.attachFacts(facts);
  agent.log(`${facts.imageChanged ? 'Pushed' : 'Unchanged:'} ${facts.image}`);
});
