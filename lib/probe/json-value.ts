/** What JSON can say. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A JSON object. */
export type JsonObject = Readonly<Record<string, JsonValue>>;

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** Longer texts are cut where they are shown. */
const SHOWN = 200;

/** A value as a message shows it: on one line, and not all of it where it is long. */
export function shown(value: JsonValue | undefined): string {
  return clipped(value === undefined ? 'nothing' : JSON.stringify(value));
}

/** Text from outside on one line, cut where it is long. */
export function clipped(text: string, limit = SHOWN): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > limit ? `${line.slice(0, limit)}…` : line;
}
