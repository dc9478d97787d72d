import type { ManifestObject } from '../manifest-object.ts';

const HOOK = 'helm.sh/hook';
/** Hooks that have no moment in a rollout: `helm test`, and what goes with uninstalling and rolling back by Helm. */
const NEVER_DUE = [
  'test',
  'test-success',
  'test-failure',
  'pre-delete',
  'post-delete',
  'pre-rollback',
  'post-rollback',
];

/** The objects of a chart, apart from its hooks. */
export interface WithoutHooks {
  readonly objects: readonly ManifestObject[];
  /** Hooks that Helm would run at an install or upgrade (`Job/migrate (pre-upgrade)`), and nobody does here. */
  readonly notRun: readonly string[];
}

/**
 * Takes the hooks out of a chart: they are steps of Helm's own course, not parts of what is to run
 * (helm.sh/docs/topics/charts_hooks). Applied like other objects they would run at the wrong time, and fail the second time.
 */
export function withoutHooks(rendered: readonly ManifestObject[]): WithoutHooks {
  const isHook = ({ object }: ManifestObject): boolean => object.metadata.annotations?.[HOOK] !== undefined;
  const due = rendered.filter(isHook).flatMap(({ object: { kind, metadata } }) => {
    const events = (metadata.annotations?.[HOOK] ?? '').split(',').map((event) => event.trim());
    const missed = events.filter((event) => !NEVER_DUE.includes(event));
    return missed.length === 0 ? [] : [`${kind}/${metadata.name} (${missed.join(', ')})`];
  });
  return { objects: rendered.filter((one) => !isHook(one)), notRun: due };
}
