import { deadline } from '../../lib/agent/deadline.ts';
import { latencyWishes, serviceChecks } from '../../lib/agent/service-checks.ts';
import { runTask } from '../../lib/agent/run-task.ts';
import { parseEndpointCheck } from '../../lib/probe/endpoint-check.ts';
import { junitOf } from '../../lib/probe/junit.ts';
import { factsOf } from './facts.ts';
import { keepResults } from './results-file.ts';
import { summaryOf } from './summary.ts';
import { withTarget } from './target.ts';
import { testService } from './test-service.ts';

void runTask('TestModelImage', async (agent) => {
  const { inputs } = agent;
  const signal = deadline(agent);
  const wishes = {
    health: parseEndpointCheck(inputs.text('healthPath')),
    startLimit: inputs.integer('startTimeoutSeconds', { min: 1, max: 86_400 }) * 1000,
    checks: await serviceChecks(agent),
    latency: await latencyWishes(agent),
  };

  const report = await withTarget(agent, signal, (target) => testService(agent, target, wishes, signal));

  const facts = factsOf(report);
  const { measurements } = facts;
  agent.setOutputs({
    image: facts.image ?? '',
    passed: facts.passed,
    failed: facts.failed,
    accuracy: facts.accuracy ?? '',
    meanAbsoluteError: facts.meanAbsoluteError ?? '',
    p50: measurements.p50 ?? '',
    p95: measurements.p95 ?? '',
    p99: measurements.p99 ?? '',
    throughput: measurements.throughput ?? '',
    errorRate: measurements.errorRate ?? '',
    peakMemory: measurements.memory ?? '',
  });
  await keepResults(agent, facts);
  agent.uploadSummary(summaryOf(report, facts));
  agent.attachFacts(facts);
  if (inputs.flag('publishTestResults'))
    agent.publishTestResults(`Test of ${report.target}`, junitOf(report.target, report.results));
  if (report.failure !== undefined) throw report.failure;
});
