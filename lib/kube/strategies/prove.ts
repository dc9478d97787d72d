import type { Step } from '../rollout/plan.ts';
import { switchOver } from './blue-green.ts';
import { growCanary } from './canary.ts';
import type { Stage, StageTools } from './stage.ts';
import type { StagedStrategy } from './strategy.ts';

/**
 * Brings a new version up beside the old one, and has it show what the strategy wants to see. The old version is not
 * touched: it serves, or stands ready to serve again.
 *
 * @throws DeliveryError `VERSION_REJECTED` if it does not, `CHECK_IMPOSSIBLE` if that could not be found out,
 *   `SERVICE_SHARED`, and those of any rollout where its pods do not become ready
 */
export async function prove(
  strategy: StagedStrategy,
  stage: Stage,
  steps: readonly Step[],
  tools: StageTools,
): Promise<void> {
  if (strategy.kind === 'canary') await growCanary(stage, strategy, tools.reporter);
  else await switchOver(stage, steps, strategy, tools);
}
