import { modelSource } from '../../lib/agent/model-source.ts';
import { openStore } from '../../lib/agent/model-store.ts';
import { runTask } from '../../lib/agent/run-task.ts';
import { transferReporter } from '../../lib/agent/transfer-reporter.ts';
import { fullPath } from '../../lib/agent/working-folder.ts';
import { totalSize } from '../../lib/model/model-digest.ts';
import { publishModel } from '../../lib/model/publish.ts';
import { versionChoice } from '../../lib/model/version-choice.ts';
import { summaryOf } from './summary.ts';

void runTask('PublishModel', async (agent) => {
  const { inputs } = agent;
  const publication = {
    path: fullPath(agent, inputs.text('source')),
    prefix: inputs.optionalText('prefix') ?? '',
    model: inputs.text('model'),
    version: versionChoice(inputs.optionalText('version'), agent.variable('Build.BuildNumber')),
    channel: inputs.optionalText('channel'),
    properties: inputs.pairs('properties'),
    source: modelSource(agent, inputs.optionalText('author')),
  };
  const reporter = transferReporter(agent, `Publishing ${publication.model}`);
  const store = await openStore(agent);

  const started = Date.now();
  const published = await publishModel(store, publication, reporter, agent.signal);
  const seconds = (Date.now() - started) / 1000;

  const { manifest, uri, result } = published;
  agent.setOutputs({
    modelName: manifest.name,
    modelVersion: manifest.version,
    modelDigest: manifest.digest,
    modelUri: uri,
    modelSize: totalSize(manifest.files),
    fileCount: manifest.files.length,
    result,
  });
  agent.uploadSummary(summaryOf(published, publication.channel, seconds));
  agent.attachFacts({ ...published, seconds });
});
