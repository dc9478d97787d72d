import { modelSelection } from '../../lib/agent/model-selection.ts';
import { openStore } from '../../lib/agent/model-store.ts';
import { runTask } from '../../lib/agent/run-task.ts';
import { transferReporter } from '../../lib/agent/transfer-reporter.ts';
import { fullPath } from '../../lib/agent/working-folder.ts';
import { fetchModel } from '../../lib/model/fetch.ts';
import { totalSize } from '../../lib/model/model-digest.ts';
import { summaryOf } from './summary.ts';

void runTask('FetchLatestModel', async (agent) => {
  const { inputs } = agent;
  const selection = modelSelection(inputs);
  const destination = fullPath(agent, inputs.text('destination'));
  const reporter = transferReporter(agent, 'Fetching the model');
  const store = await openStore(agent);

  const started = Date.now();
  const fetched = await fetchModel(store, selection, destination, reporter, agent.signal);
  const seconds = (Date.now() - started) / 1000;

  agent.setOutputs({
    modelPath: fetched.path,
    modelName: fetched.name,
    modelVersion: fetched.version,
    modelDigest: fetched.digest,
    modelUri: fetched.uri,
    modelSize: totalSize(fetched.files),
    fileCount: fetched.files.length,
    result: fetched.result,
  });
  agent.uploadSummary(summaryOf(fetched, seconds));
  agent.attachFacts({ ...fetched, seconds });
  agent.log(`${fetched.name} ${fetched.version} (${fetched.digest}) is in ${fetched.path}: ${fetched.result}.`);
});
