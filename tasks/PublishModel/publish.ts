import type { Agent } from '../../lib/agent/agent.ts';
import { modelSource } from '../../lib/agent/model-source.ts';
import { openStore } from '../../lib/agent/model-store.ts';
import { transferReporter } from '../../lib/agent/transfer-reporter.ts';
import { fullPath } from '../../lib/agent/working-folder.ts';
import type { ChannelMove } from '../../lib/model/channel.ts';
import type { Manifest } from '../../lib/model/manifest.ts';
import type { PicklePolicy } from '../../lib/model/pickle/gate.ts';
import { readPropertiesFile } from '../../lib/model/properties-file.ts';
import { type Publication, publishModel } from '../../lib/model/publish.ts';
import { versionChoice } from '../../lib/model/version-choice.ts';
import { channelLine, type Report, versionOutputs } from './report.ts';
import { publicationSummary } from './summary.ts';

/** Publishes a version and lets a channel name it. */
export async function publish(agent: Agent): Promise<Report> {
  const publication = await publicationOf(agent);
  const reporter = transferReporter(agent, `Publishing ${publication.model}`);
  const store = await openStore(agent);

  const started = Date.now();
  const published = await publishModel(store, publication, reporter, agent.signal);
  const seconds = (Date.now() - started) / 1000;

  const { result, manifest, uri, scan, channel } = published;
  if (publication.channel !== undefined && channel !== undefined)
    tellMove(agent, publication.channel, manifest, channel);
  for (const { severity, file, what } of scan?.findings ?? []) agent.warn(`${file} ${what} (${severity}).`);
  return {
    outputs: versionOutputs(result, manifest, uri, channel?.previous),
    summary: publicationSummary(published, publication.channel, seconds),
    facts: { ...published, seconds },
  };
}

function tellMove(agent: Agent, channel: string, manifest: Manifest, move: ChannelMove): void {
  agent.log(channelLine(channel, manifest, move));
  if (move.newer === undefined) return;
  agent.warn(
    `${channel} of ${manifest.name} was left at ${move.newer}, which was created after ${manifest.version}. To let it name ${manifest.version} again, use action promote.`,
  );
}

async function publicationOf(agent: Agent): Promise<Publication> {
  const { inputs } = agent;
  const file = inputs.optionalText('propertiesFile');
  return {
    path: fullPath(agent, inputs.text('source')),
    root: fullPath(agent, '.'),
    exclude: inputs.lines('exclude'),
    allowEmpty: inputs.flag('allowEmpty'),
    prefix: inputs.optionalText('prefix') ?? '',
    model: inputs.text('model'),
    version: versionChoice(inputs.optionalText('version'), agent.variable('Build.BuildNumber')),
    channel: inputs.optionalText('channel'),
    properties: {
      ...(file === undefined ? {} : await readPropertiesFile(fullPath(agent, file))),
      ...inputs.pairs('properties'),
    },
    source: modelSource(agent, inputs.optionalText('author')),
    pickles: picklePolicy(agent),
  };
}

function picklePolicy({ inputs }: Agent): PicklePolicy | undefined {
  const onFinding = inputs.choice('pickleScan', ['warn', 'fail', 'off']);
  return onFinding === 'off' ? undefined : { onFinding, allowed: inputs.lines('pickleAllow') };
}
