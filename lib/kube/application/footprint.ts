import type { ObjectRef } from '../client/resource.ts';
import type { KubeObject } from '../objects.ts';

/** What must be known of an object that a run writes, so that it can be put back by whoever comes later. */
export interface Footprint {
  readonly ref: ObjectRef;
  /** The object before anything was written; undefined if there was none. */
  readonly before: KubeObject | undefined;
  /** What the run wants it to be; undefined if the run removes it. */
  readonly desired: KubeObject | undefined;
  /** Written by a strategy beside the stable version: goes back only once the stable version is healthy. */
  readonly isStaged?: boolean;
}

/** The same for the same object in every run, whatever version of its API it is written in. */
export function keyOf({ resource, namespace = '', name }: ObjectRef): string {
  const group = resource.apiVersion.includes('/') ? resource.apiVersion.replace(/\/.*$/, '') : '';
  return [group, resource.kind, namespace, name].join('/');
}

/** `Deployment/digits`, as people write it. */
export function titleOfRef({ resource, name }: ObjectRef): string {
  return `${resource.kind}/${name}`;
}
