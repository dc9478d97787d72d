import type { KubeObject } from '../objects.ts';

/**
 * Writes out the protocol of a Service's ports. It is one of the two keys by which server-side apply tells the ports
 * apart, and servers before 1.21 do not fill in the default themselves (kubernetes #92332). The meaning stays the same.
 */
export function withListKeys(object: KubeObject): KubeObject {
  if (object.apiVersion !== 'v1' || object.kind !== 'Service') return object;
  const spec = (object.spec ?? {}) as { readonly ports?: unknown };
  if (!Array.isArray(spec.ports)) return object;
  const ports = spec.ports.map((port: unknown) =>
    typeof port === 'object' && port !== null ? { protocol: 'TCP', ...port } : port,
  );
  return { ...object, spec: { ...spec, ports } };
}
