import { clusterOf, reporterFor } from '../../lib/agent/cluster.ts';
import { proxyOf } from '../../lib/agent/proxy.ts';
import { runTask } from '../../lib/agent/run-task.ts';
import { collectManifests } from '../../lib/kube/manifests/collect.ts';
import { rollOut } from '../../lib/kube/rollout/roll-out.ts';
import { summaryOf } from './summary.ts';

void runTask('RolloutToAKS', async (agent) => {
  const { inputs } = agent;
  const reporter = reporterFor(agent);
  const selection = {
    manifests: inputs.lines('manifests'),
    images: inputs.lines('images'),
    root: agent.variable('System.DefaultWorkingDirectory') ?? process.cwd(),
  };
  const request = {
    access: clusterOf(agent, inputs.text('kubernetesConnection')),
    namespace: inputs.optionalText('namespace'),
    timeoutMinutes: inputs.integer('timeoutMinutes', { min: 1, max: 1440 }),
    onFailure: inputs.choice('onFailure', ['restore', 'keep']),
    forceConflicts: inputs.flag('forceConflicts'),
    proxy: proxyOf(agent),
    manifests: await collectManifests(selection, (text) => agent.warn(text)),
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
