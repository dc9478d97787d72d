import type { ObjectRef } from '../client/resource.ts';
import type { KubeEvent, KubeObject, Pod } from '../objects.ts';

/** An object that was written and must become ready. */
export interface Target {
  readonly ref: ObjectRef;
  /** The object as the write answered it: what its controller knew then is old news. */
  readonly written: KubeObject;
  /** Whether its manifest itself asks for zero replicas. */
  readonly wantsNone: boolean;
}

/** What is seen in the namespace around the objects. */
export interface Surroundings {
  readonly pods: readonly Pod[];
  readonly replicaSets: readonly KubeObject[];
  readonly events: readonly KubeEvent[];
}

/** A sign that an object will not become ready by itself. */
export interface Symptom {
  /** The same as long as the same trouble lasts. */
  readonly key: string;
  /** How long, in milliseconds, it must last before it ends the wait. */
  readonly graceMs: number;
  /** It counts only when nothing else is still coming up: the container may be waiting for another part. */
  readonly patient?: boolean;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** What an object's present state means. */
export type Verdict =
  | { readonly state: 'ready'; readonly detail: string; readonly warning?: string }
  | { readonly state: 'waiting'; readonly detail: string; readonly symptoms: readonly Symptom[] };

export function ready(detail: string, warning?: string): Verdict {
  return warning === undefined ? { state: 'ready', detail } : { state: 'ready', detail, warning };
}

export function waiting(detail: string, ...symptoms: readonly Symptom[]): Verdict {
  return { state: 'waiting', detail, symptoms };
}

/** Trouble that no waiting mends. */
export function fatal(key: string, code: string, message: string, remedy: string): Symptom {
  return { key, graceMs: 0, code, message, remedy };
}
