import { isDeepStrictEqual } from 'node:util';
import type { Footprint } from '../application/footprint.ts';
import { withRestart } from '../manifests/lineage.ts';
import { isSameContent } from '../rollout/content.ts';
import type { Step } from '../rollout/plan.ts';
import { isDeployment } from './deployment.ts';
import { isSettings, settingsNamedIn } from './settings.ts';
import { isTemporary } from './temporary.ts';
import { nameBeside } from './track.ts';

/**
 * The steps of a promotion. Where only settings of a Deployment have changed and been proved beside it, its own pods would go on
 * with what they read when they started, so they are made anew.
 *
 * @param staged what stands beside the stable version
 * @param at the time of the promotion (ISO 8601)
 */
export function restarting(steps: readonly Step[], staged: readonly Footprint[], at: string): readonly Step[] {
  const changed = new Set(steps.filter(isChangedSettings).map(({ ref, title }) => `${ref.namespace ?? ''}/${title}`));
  return steps.map((step) =>
    isProvedBeside(step, staged) && readsOnly(step, changed)
      ? { ...step, desired: withRestart(step.desired, at) }
      : step,
  );
}

function isChangedSettings({ before, preview }: Step): boolean {
  return before !== undefined && preview !== undefined && isSettings(preview) && !isSameContent(before, preview);
}

function isProvedBeside({ ref, desired }: Step, staged: readonly Footprint[]): boolean {
  const twins = [nameBeside(ref.name, 'canary'), nameBeside(ref.name, 'green')];
  return (
    isDeployment(desired) &&
    staged.some(
      (one) =>
        isTemporary(one) &&
        one.ref.resource.kind === 'Deployment' &&
        one.ref.namespace === ref.namespace &&
        twins.includes(one.ref.name),
    )
  );
}

/** Whether a Deployment reads changed settings, and nothing else of its pods changes. */
function readsOnly({ ref, before, preview }: Step, changed: ReadonlySet<string>): boolean {
  if (before === undefined || preview === undefined || !isDeployment(before) || !isDeployment(preview)) return false;
  const named = [...settingsNamedIn(preview.spec.template.spec)];
  return (
    isDeepStrictEqual(before.spec.template, preview.spec.template) &&
    named.some((title) => changed.has(`${ref.namespace ?? ''}/${title}`))
  );
}
