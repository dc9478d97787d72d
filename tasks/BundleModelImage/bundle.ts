import type { Agent } from '../../lib/agent/agent.ts';
import { imageTime } from '../../lib/agent/commit-time.ts';
import { deadline } from '../../lib/agent/deadline.ts';
import { networkOf } from '../../lib/agent/network.ts';
import { imageRoute } from '../../lib/agent/registry.ts';
import { transferReporter } from '../../lib/agent/transfer-reporter.ts';
import { createDispatcher } from '../../lib/http/dispatcher.ts';
import { formatRepository } from '../../lib/oci/image-name.ts';
import type { StoredImage } from '../../lib/oci/push-image.ts';
import { aboutImage } from './about.ts';
import { appToBundle } from './app-source.ts';
import { NOTHING_ATTACHED } from './attachments.ts';
import { withBase } from './base.ts';
import { imageSettings } from './image-inputs.ts';
import { imageTags } from './image-tags.ts';
import { groupsToAdd, withModelToBundle } from './model-source.ts';
import { makeImage, wantedOutput } from './output.ts';
import { warnOfPublicSecrets } from './public-inputs.ts';
import { bundleOutputs, type Report } from './report.ts';
import { factsOf, summaryOf } from './summary.ts';
import { attachSupplyChain, supplyWishes } from './supply-chain.ts';
import { warnOfTarget } from './target-warning.ts';

/** Makes an image of app and model, and brings it to where the inputs want it. */
export async function bundle(agent: Agent): Promise<Report> {
  const signal = deadline(agent);
  const route = await imageRoute(agent, createDispatcher(networkOf(agent)));
  const { target, client } = route;
  const output = wantedOutput(agent);
  const settings = imageSettings(agent, target);
  warnOfPublicSecrets(agent);
  const wishes = await supplyWishes(agent);
  const app = await appToBundle(agent);
  const created = await imageTime(agent);
  return withModelToBundle(agent, signal, async (model) => {
    const groups = groupsToAdd(agent, model, app);
    for (const group of groups) warnOfTarget(agent, group);
    const tags = imageTags(agent, model, created);
    const about = aboutImage(agent, model, tags, created);

    const reporter = transferReporter(agent, output === 'registry' ? 'Sending layers' : 'Writing layers');
    let attached = NOTHING_ATTACHED;
    const beforeTags = async (image: StoredImage): Promise<void> => {
      attached = await attachSupplyChain(agent, wishes, { app: app?.group, model, created }, image, signal);
    };
    const made = await withBase(agent, route, { model, created, signal }, (base) => {
      agent.log(`Bundling onto ${base.name} into ${formatRepository(target)} as ${tags.join(', ')}`);
      return makeImage(
        agent,
        { base, target, tags, groups, about, created, beforeTags, ...settings },
        { client, onProgress: ({ done, total }) => reporter.progress(done, total), signal },
      );
    });

    const revision = agent.variable('Build.SourceVersion');
    const facts = factsOf(made, { output, target, tags, model, revision, attached });
    const did = output === 'registry' ? (facts.imageChanged ? 'Pushed' : 'Unchanged:') : 'Pushed nowhere:';
    agent.log(`${did} ${facts.image} (${facts.imageDigest})`);
    return { outputs: bundleOutputs(facts, attached), summary: summaryOf(facts), facts };
  });
}
