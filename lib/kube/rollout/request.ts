import type { Run } from '../application/record.ts';
import type { ClusterAccess } from '../cluster-access.ts';
import type { ImageFacts } from '../manifests/lineage.ts';
import type { ManifestObject } from '../manifests/manifest-object.ts';
import type { Strategy } from '../strategies/strategy.ts';

/** Manifests, and what their images say of themselves. */
export interface Described {
  readonly manifests: readonly ManifestObject[];
  /** Finds the facts of an image by its name; registries may still be asked while the application is taken hold of. */
  readonly imageFacts: Promise<(image: string) => ImageFacts | undefined>;
}

/** What shall become of an application. */
export type Goal =
  | ({ readonly action: 'deploy' } & Described)
  /** The last word about a version that an earlier run has left beside the stable one. */
  | { readonly action: 'promote' | 'reject' }
  /** Back to a revision; without a number, to the one before. */
  | { readonly action: 'rollback'; readonly revision: number | undefined };

/** What is to be rolled out, and how. */
export interface RolloutRequest {
  readonly access: ClusterAccess;
  readonly goal: Goal;
  readonly strategy: Strategy;
  /** Every object goes there; without it, each keeps its own namespace. */
  readonly namespace: string | undefined;
  /** Make the namespaces that are missing. */
  readonly createNamespace: boolean;
  /** What the application is called; without it, like its first workload. */
  readonly applicationName: string | undefined;
  /** The run that this rollout is part of. */
  readonly run: Run;
  /** Only show what would be changed. */
  readonly dryRun: boolean;
  /** How long to wait while another run changes the same application, in minutes. */
  readonly waitForOtherRunMinutes: number;
  /** How long everything together may take to be ready, in minutes. */
  readonly timeoutMinutes: number;
  /** After a failure: put everything back, or leave it for somebody to look at. */
  readonly onFailure: 'restore' | 'keep';
  /** Take over fields that belong to other field managers. */
  readonly forceConflicts: boolean;
  /** Delete and make anew what cannot be changed otherwise. */
  readonly recreate: boolean;
  /** Remove what earlier runs of the application applied and this one no longer has. */
  readonly prune: boolean;
}
