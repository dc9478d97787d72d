import type { Agent } from '../../lib/agent/agent.ts';
import { modelSource } from '../../lib/agent/model-source.ts';
import { openStore } from '../../lib/agent/model-store.ts';
import { formatBytes } from '../../lib/agent/quantities.ts';
import { transferReporter } from '../../lib/agent/transfer-reporter.ts';
import { pruneModel } from '../../lib/model/prune.ts';
import type { Report } from './report.ts';
import { pruneSummary } from './summary.ts';

/** Removes old versions and what failed attempts have left. */
export async function prune(agent: Agent): Promise<Report> {
  const { inputs } = agent;
  const pruning = {
    prefix: inputs.optionalText('prefix') ?? '',
    model: inputs.text('model'),
    keep: inputs.integer('keep', { min: 1, max: 100_000 }),
    dryRun: inputs.flag('dryRun'),
    by: modelSource(agent, undefined).run,
    now: new Date(),
  };
  const reporter = transferReporter(agent, `Pruning ${pruning.model}`);
  const { items, freed } = await pruneModel(await openStore(agent), pruning, reporter, agent.signal);

  const lines = items.map(({ version, what, verdict, why, size }) =>
    [verdict, what === 'version' ? version : `leftovers of ${version}`, formatBytes(size), why].join('  '),
  );
  agent.logGroup(`${pruning.model}: ${formatBytes(freed)} ${pruning.dryRun ? 'would go' : 'are gone'}`, lines);
  const gone = items.filter(({ verdict, what }) => verdict === 'goes' && what === 'version');
  const changed = items.some(({ verdict }) => verdict === 'goes');
  return {
    outputs: {
      modelName: pruning.model,
      prunedVersions: gone.map(({ version }) => version).join(','),
      prunedBytes: freed,
      result: changed ? (pruning.dryRun ? 'planned' : 'pruned') : 'unchanged',
    },
    summary: pruneSummary(pruning, { items, freed }),
    facts: {
      ...pruning,
      freed,
      items: items.map(({ objects, ...item }) => ({ ...item, objects: objects.length })),
    },
  };
}
