import type { VersionCheck } from './check.ts';

/** How a new version takes the place of the old one. */
export type Strategy =
  /** Pod by pod, as the Deployment itself says. */
  | { readonly kind: 'rolling' }
  /** In steps beside the stable version, behind the same Service. */
  | (Proof & { readonly kind: 'canary'; readonly steps: readonly number[]; readonly holdMs: number })
  /** Whole beside the old version; then the Service is switched. The old one is kept for a while. */
  | (Proof & { readonly kind: 'blueGreen'; readonly keepMs: number });

/** What a new version must show before it takes the old one's place. */
export interface Proof {
  readonly checks: readonly VersionCheck[];
  /** How often the checks are run, in milliseconds. */
  readonly everyMs: number;
  /** Once it has shown that: go on at once, or leave both versions up until somebody promotes or rejects it. */
  readonly promotion: 'automatic' | 'manual';
}

/** One that proves the new version before the stable one is touched. */
export type StagedStrategy = Exclude<Strategy, { readonly kind: 'rolling' }>;

/** How long a strategy holds the new version on trial altogether, in milliseconds. */
export function trialTime(strategy: Strategy): number {
  if (strategy.kind === 'rolling') return 0;
  return strategy.kind === 'canary' ? strategy.steps.length * strategy.holdMs : strategy.keepMs;
}
