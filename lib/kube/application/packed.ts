import { gunzipSync, gzipSync } from 'node:zlib';

/** A value as compressed JSON in base64: many alike manifests take little room, and are unpacked only when needed. */
export interface Packed<Value> {
  readonly base64: string;
  /** Only says what is inside. */
  readonly holds?: Value;
}

/** More than this is no manifest of ours: etcd keeps no object above 1.5 MiB. */
const MAX_BYTES = 256 * 1024 * 1024;

export function pack<Value>(value: Value): Packed<Value> {
  return { base64: gzipSync(JSON.stringify(value)).toString('base64') };
}

/** Throws what JSON and gzip throw if the text was not made by {@link pack}. */
export function unpack<Value>({ base64 }: Packed<Value>): Value {
  const bytes = gunzipSync(Buffer.from(base64, 'base64'), { maxOutputLength: MAX_BYTES });
  return JSON.parse(bytes.toString('utf8')) as Value;
}
