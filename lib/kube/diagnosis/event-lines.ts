import { brief } from '../client/api-error.ts';
import { countOf } from '../objects.ts';
import type { KubeEvent } from '../objects.ts';

/** So many of an object's events tell enough. */
const MOST = 8;

/** Warnings, newest last; what differs only in the name of a pod is told once, and how often it happened. */
export function eventLines(events: readonly KubeEvent[]): readonly string[] {
  const told = new Map<string, { readonly line: string; readonly times: number }>();
  for (const { reason = '', message = '', ...event } of events.filter(isWarning)) {
    const text = brief(message.replace(/^\(combined from similar events\): /, ''));
    const key = `${reason} ${text.replace(/"[^"]*"/g, '""')}`;
    const times = (told.get(key)?.times ?? 0) + countOf(event);
    told.delete(key);
    told.set(key, { line: `event ${reason}: ${text}`, times });
  }
  const lines = [...told.values()].map(({ line, times }) => (times > 1 ? `${line} (${times} times)` : line));
  return lines.slice(-MOST);
}

export function isWarning({ type }: Pick<KubeEvent, 'type'>): boolean {
  return type !== 'Normal';
}
