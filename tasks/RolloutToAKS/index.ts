import { clusterOf, reporterFor } from '../../lib/agent/cluster.ts';
import { proxyOf } from '../../lib/agent/proxy.ts';
import { runTask } from '../../lib/agent/run-task.ts';
import { rollOut } from '../../lib/kube/rollout/roll-out.ts';
import { manifestsOf } from './manifests.ts';
import { summaryOf } from './summary.ts';

void runTask('RolloutToAKS', async (agent) => {
  const { inputs } = agent;
  const reporter = reporterFor(agent);
  const access = clusterOf(agent, inputs.text('kubernetesConnection'));
  const namespace = inputs.optionalText('namespace');
  const request = {
    access,
    namespace,
    timeoutMinutes: inputs.integer('timeoutMinutes', { min: 1, max: 1440 }),
    onFailure: inputs.choice('onFailure', ['restore', 'keep']),
    forceConflicts: inputs.flag('forceConflicts'),
    proxy: proxyOf(agent),
    manifests: await manifestsOf(agent, namespace ?? access.namespace ?? 'default'),
  };

  const report = await rollOut(request, reporter, agent.signal);

  agent.setOutputs({
    result: report.result,
    addresses: report.addresses.join(','),
    imageDigests: report.imageDigests.join(','),
    durationSeconds: report.durationSeconds,
  });
  agent.uploadSummary(summaryOf(report));
  agent.attachFacts({ ...report, failure: report.failure?.message });
  if (report.failure !== undefined) throw report.failure;
});
