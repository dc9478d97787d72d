import type { RolloutReporter } from '../reporter.ts';
import type { Stage } from './stage.ts';
import { canaryPods, shareOfRequests } from './steps.ts';

export interface CanaryRules {
  /** Percent of the stable pods, growing. */
  readonly steps: readonly number[];
  /** How long each step must hold out, in milliseconds. */
  readonly holdMs: number;
}

/** Brings a new version up beside the stable one step by step, each of which it must pass. Throws what it failed. */
export async function growCanary(
  stage: Stage,
  { steps, holdMs }: CanaryRules,
  reporter: RolloutReporter,
): Promise<void> {
  await stage.layGround();
  for (const percent of steps) {
    reporter.line(`Step ${percent} % …`);
    await stage.scale((stable) => canaryPods(percent, stable));
    const { old, next } = stage.timeline.pods();
    const share = shareOfRequests(next, old);
    reporter.line(`  ${next} new beside ${old} stable pods: about ${share} % of the requests, for ${holdMs / 1000} s`);
    await stage.tryFor(`step ${percent} %`, holdMs);
  }
}
