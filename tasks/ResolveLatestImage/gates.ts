import type { Inputs } from '../../lib/agent/inputs.ts';
import { readVerificationKey } from '../../lib/supply/verification-key.ts';
import type { WantedTrust } from './trust.ts';

/** What an image must be like to be handed on. */
export interface Gates extends WantedTrust {
  /** Undefined: any age will do. */
  readonly maxAgeDays: number | undefined;
}

/** @throws DeliveryError `INPUT_INVALID`, `VERIFICATION_KEY_INVALID` */
export function gatesOf(inputs: Inputs): Gates {
  const key = inputs.optionalText('verificationKey');
  return {
    provenance: inputs.flag('requireProvenance'),
    key: key === undefined ? undefined : readVerificationKey(key),
    maxAgeDays: inputs.optionalInteger('maxAgeDays', { min: 1, max: 36_500 }),
  };
}
