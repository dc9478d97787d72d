import type { Agent } from '../../lib/agent/agent.ts';
import { modelSource } from '../../lib/agent/model-source.ts';
import { openStore } from '../../lib/agent/model-store.ts';
import { deprecateVersion, type Judged, reinstateVersion, type StoredVersion } from '../../lib/model/deprecate.ts';
import { type Report, versionOutputs } from './report.ts';
import { judgementSummary } from './summary.ts';

/** Says of a version that it should not be used any more. */
export async function deprecate(agent: Agent): Promise<Report> {
  const version = versionOf(agent);
  const reason = agent.inputs.text('reason');
  const by = modelSource(agent, undefined).run;
  const judged = await deprecateVersion(await openStore(agent), version, { reason, by }, agent.signal);
  if (judged.channels.length > 0) {
    agent.warn(
      `${judged.channels.join(', ')} still ${judged.channels.length === 1 ? 'names' : 'name'} the deprecated version ${version.version} of ${version.model}; fetching by that channel fails until another is promoted.`,
    );
  }
  return reportOf(judged, reason);
}

/** Lifts what was said against a version. */
export async function reinstate(agent: Agent): Promise<Report> {
  return reportOf(await reinstateVersion(await openStore(agent), versionOf(agent), agent.signal), undefined);
}

function versionOf({ inputs }: Agent): StoredVersion {
  return {
    prefix: inputs.optionalText('prefix') ?? '',
    model: inputs.text('model'),
    version: inputs.text('version'),
  };
}

function reportOf(judged: Judged, reason: string | undefined): Report {
  const { result, manifest, uri } = judged;
  return {
    outputs: versionOutputs(result, manifest, uri, undefined),
    summary: judgementSummary(judged, reason),
    facts: { ...judged, reason },
  };
}
