import { reporterFor } from '../../lib/agent/cluster.ts';
import { runTask } from '../../lib/agent/run-task.ts';
import { rollOut } from '../../lib/kube/rollout/roll-out.ts';
import { rolloutRequest } from './request.ts';
import { summaryOf } from './summary.ts';

void runTask('RolloutToAKS', async (agent) => {
  const request = await rolloutRequest(agent);

  const report = await rollOut(request, reporterFor(agent), agent.signal);

  agent.setOutputs({
    result: report.result,
    application: report.application,
    revision: report.revision ?? '',
    previousImage: report.previousImages.join(','),
    addresses: report.addresses.join(','),
    imageDigests: report.imageDigests.join(','),
    durationSeconds: report.durationSeconds,
  });
  agent.uploadSummary(summaryOf(report));
  agent.attachFacts({ ...report, failure: report.failure?.message });
  if (report.failure !== undefined) throw report.failure;
});
