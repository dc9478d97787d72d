import type { Agent } from '../../lib/agent/agent.ts';
import { openStore } from '../../lib/agent/model-store.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { promoteModel } from '../../lib/model/promote.ts';
import { type WantedBy, wantedBy } from '../../lib/model/selection.ts';
import { channelLine, type Report, versionOutputs } from './report.ts';
import { promotionSummary } from './summary.ts';

/** Lets a channel name a version that is there. */
export async function promote(agent: Agent): Promise<Report> {
  const { inputs } = agent;
  const promotion = {
    prefix: inputs.optionalText('prefix') ?? '',
    model: inputs.text('model'),
    channel: inputs.text('channel'),
    to: wantedFrom(inputs.optionalText('version'), inputs.optionalText('fromChannel')),
    expected: inputs.optionalText('expectedVersion'),
  };
  const promoted = await promoteModel(await openStore(agent), promotion, agent.signal);

  const { result, manifest, uri, channel } = promoted;
  agent.log(channelLine(promotion.channel, manifest, channel));
  return {
    outputs: versionOutputs(result, manifest, uri, channel.previous),
    summary: promotionSummary(promoted, promotion.channel),
    facts: { ...promoted, channelName: promotion.channel },
  };
}

/** @throws DeliveryError `INPUT_INVALID` where there is not just one of the two */
function wantedFrom(version: string | undefined, fromChannel: string | undefined): WantedBy {
  if (version !== undefined && fromChannel === undefined) return wantedBy(version);
  if (version === undefined && fromChannel !== undefined) return { channel: fromChannel };
  throw new DeliveryError('INPUT_INVALID', {
    message: `To promote, ${version === undefined ? 'version and fromChannel are both empty' : 'both version and fromChannel are given'}.`,
    remedy: 'Give one of the two: the version itself, or the channel that names it.',
  });
}
