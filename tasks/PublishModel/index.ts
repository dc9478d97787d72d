import { runTask } from '../../lib/agent/run-task.ts';
import { deprecate, reinstate } from './deprecate.ts';
import { promote } from './promote.ts';
import { prune } from './prune.ts';
import { publish } from './publish.ts';

const ACTIONS = { publish, promote, deprecate, reinstate, prune };

void runTask('PublishModel', async (agent) => {
  const action = agent.inputs.choice('action', ['publish', 'promote', 'deprecate', 'reinstate', 'prune']);

  const { outputs, summary, facts } = await ACTIONS[action](agent);

  agent.setOutputs(outputs);
  agent.uploadSummary(summary);
  agent.attachFacts({ action, ...facts });
});
