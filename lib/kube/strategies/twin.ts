import type { KubeObject } from '../objects.ts';
import type { Deployment } from './deployment.ts';
import { podLabelsOf } from './deployment.ts';
import { withOwnSettings } from './settings.ts';
import type { Renamed } from './settings.ts';
import { nameBeside, TEMPORARY, TRACK } from './track.ts';
import type { Track } from './track.ts';

/** How the second Deployment differs from the first. */
export interface TwinParts {
  readonly track: Track;
  readonly replicas: number;
  /** Label value of the application. */
  readonly application: string;
  /** Settings of which the new version has copies of its own. */
  readonly settings: readonly Renamed[];
}

/**
 * The Deployment of a new version beside the stable one.
 *
 * @param next the stable Deployment as it would be after the rollout: as the server's dry run answers it, so that what
 *   others have added to it (a sidecar, an annotation) is on trial too
 */
export function twinOf(next: Deployment, { track, replicas, application, settings }: TwinParts): KubeObject {
  const { selector, template, strategy, minReadySeconds, progressDeadlineSeconds } = next.spec;
  const { name, namespace, labels } = next.metadata;
  return {
    apiVersion: next.apiVersion,
    kind: next.kind,
    metadata: {
      name: nameBeside(name, track),
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...labels, [TEMPORARY]: application },
    },
    spec: {
      replicas,
      // A Deployment's selector cannot be changed later; this one is new, so the stable one's stays what it is.
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [TRACK]: track } },
      template: {
        ...template,
        metadata: { ...template.metadata, labels: { ...podLabelsOf(next), [TRACK]: track } },
        spec: withOwnSettings(template.spec, settings),
      },
      ...defined({ strategy, minReadySeconds, progressDeadlineSeconds }),
    },
  };
}

function defined(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
