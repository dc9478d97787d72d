/**
 * On every pod of a new version that stands beside the old one, and in the selector of the Deployment that owns it. The
 * pods carry all labels of their manifest too, so the Service reaches them; the stable Deployment leaves them alone,
 * because its controller takes only ReplicaSets that have no owner or itself as the owner.
 */
export const TRACK = 'model-delivery/track';

/** On everything that is there for the time of a rollout only. Its value is the application it belongs to. */
export const TEMPORARY = 'model-delivery/temporary';

/** What stands beside the stable version: part of the names and the value of the label {@link TRACK}. */
export type Track = 'canary' | 'green' | 'preview';

/** Kubernetes allows 253 characters in a name (RFC 1123 subdomain), of a Service 63 (RFC 1035 label). */
const LONGEST = { Service: 63, any: 253 };

/** `digits` → `digits-canary`. */
export function nameBeside(name: string, track: Track, kind?: 'Service'): string {
  return `${name.slice(0, LONGEST[kind ?? 'any'] - track.length - 1)}-${track}`;
}
