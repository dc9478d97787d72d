import { contentCache, requirements } from '../../lib/agent/fetch-options.ts';
import { modelSelection } from '../../lib/agent/model-selection.ts';
import { openStore } from '../../lib/agent/model-store.ts';
import { runTask } from '../../lib/agent/run-task.ts';
import { transferReporter } from '../../lib/agent/transfer-reporter.ts';
import { fullPath } from '../../lib/agent/working-folder.ts';
import { fetchModel } from '../../lib/model/fetch.ts';
import { totalSize } from '../../lib/model/model-digest.ts';
import { isChanged } from './changed.ts';
import { summaryOf } from './summary.ts';

void runTask('FetchLatestModel', async (agent) => {
  const { inputs } = agent;
  const selection = modelSelection(inputs);
  const destination = fullPath(agent, inputs.text('destination'));
  const previousDigest = inputs.textOfEarlierRun('previousDigest');
  const required = requirements(agent);
  const cache = await contentCache(agent);
  const reporter = transferReporter(agent, 'Fetching the model');
  const store = await openStore(agent);

  const started = Date.now();
  const options = { requirements: required, cache };
  const fetched = await fetchModel(store, selection, destination, reporter, agent.signal, options);
  const seconds = (Date.now() - started) / 1000;
  const changed = isChanged(fetched, previousDigest);

  agent.setOutputs({
    modelPath: fetched.path,
    modelName: fetched.name,
    modelVersion: fetched.version,
    modelDigest: fetched.digest,
    modelUri: fetched.uri,
    modelSize: totalSize(fetched.files),
    fileCount: fetched.files.length,
    modelChanged: changed,
    modelProperties: JSON.stringify(fetched.properties),
    result: fetched.result,
  });
  for (const warning of fetched.warnings) agent.warn(warning);
  agent.uploadSummary(summaryOf(fetched, { seconds, changed }));
  agent.attachFacts({ ...fetched, previousDigest, changed, seconds });
  agent.log(`${fetched.name} ${fetched.version} (${fetched.digest}) is in ${fetched.path}: ${fetched.result}.`);
});
