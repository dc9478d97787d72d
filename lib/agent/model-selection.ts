import { type ModelSelection, type PlainChoice, tagExpression, wantedBy } from '../model/selection.ts';
import type { Inputs } from './inputs.ts';

/**
 * The model that a task's inputs mean (`layout`, `prefix`, `model`, `version`, `channel`, `blobs`, `select`, `tagFilter`).
 *
 * @throws DeliveryError `INPUT_MISSING`, `INPUT_INVALID`, `NAME_INVALID`, `DIGEST_INVALID`, `TAG_FILTER_INVALID`
 */
export function modelSelection(inputs: Inputs): ModelSelection {
  if (inputs.choice('layout', ['managed', 'plain']) === 'plain') {
    inputs.text('blobs'); // says so where there are none
    return {
      layout: 'plain',
      model: inputs.optionalText('model'),
      patterns: inputs.lines('blobs'),
      select: plainChoice(inputs),
    };
  }
  const version = inputs.optionalText('version');
  return {
    layout: 'managed',
    prefix: inputs.optionalText('prefix') ?? '',
    model: inputs.text('model'),
    by: version === undefined ? { channel: inputs.text('channel') } : wantedBy(version),
  };
}

function plainChoice(inputs: Inputs): PlainChoice {
  const select = inputs.choice('select', ['newest', 'semver', 'newestFolder', 'tag', 'all']);
  return select === 'tag' ? { tagged: tagExpression(inputs.text('tagFilter')) } : select;
}
