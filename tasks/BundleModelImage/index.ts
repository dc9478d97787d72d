import { runTask } from '../../lib/agent/run-task.ts';
import { bundle } from './bundle.ts';
import { tag } from './tag.ts';

const ACTIONS = { bundle, tag };

void runTask('BundleModelImage', async (agent) => {
  const action = agent.inputs.choice('action', ['bundle', 'tag']);

  const { outputs, summary, facts } = await ACTIONS[action](agent);

  agent.setOutputs(outputs);
  agent.uploadSummary(summary);
  agent.attachFacts(facts);
});
