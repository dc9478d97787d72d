import type { KubeObject } from '../objects.ts';
import { balancerAddressesOf } from '../readiness/other-kinds.ts';
import type { Surroundings } from '../readiness/verdict.ts';
import { newestPodsOf } from '../readiness/owned-pods.ts';

interface ServiceParts {
  readonly spec?: {
    readonly type?: string;
    readonly ports?: readonly { readonly port: number; readonly name?: string; readonly appProtocol?: string }[];
  };
}

interface IngressParts {
  readonly spec?: {
    readonly rules?: readonly { readonly host?: string }[];
    readonly tls?: readonly { readonly hosts?: readonly string[] }[];
  };
}

/** Where the objects can be reached from outside: URLs where the protocol is known, else `host:port`. */
export function addressesOf(objects: readonly KubeObject[]): readonly string[] {
  return [
    ...new Set(objects.flatMap((object) => (object.kind === 'Ingress' ? ingressUrls(object) : serviceUrls(object)))),
  ];
}

function serviceUrls(object: KubeObject): readonly string[] {
  if (object.kind !== 'Service') return [];
  const { spec } = object as KubeObject & ServiceParts;
  if (spec?.type !== 'LoadBalancer') return [];
  return balancerAddressesOf(object).flatMap((address) => {
    const host = address.includes(':') ? `[${address}]` : address;
    return (spec.ports ?? []).map(({ port, name = '', appProtocol = name }) => urlOf(host, port, appProtocol));
  });
}

function urlOf(host: string, port: number, protocol: string): string {
  if (port === 443) return `https://${host}`;
  if (port === 80) return `http://${host}`;
  if (/^https/i.test(protocol)) return `https://${host}:${port}`;
  return /^http/i.test(protocol) ? `http://${host}:${port}` : `${host}:${port}`;
}

function ingressUrls(object: KubeObject): readonly string[] {
  const { spec } = object as KubeObject & IngressParts;
  const secure = new Set(spec?.tls?.flatMap(({ hosts = [] }) => hosts));
  const hosts = (spec?.rules ?? []).flatMap(({ host }) => host ?? []);
  const addresses = balancerAddressesOf(object);
  if (addresses.length === 0) return [];
  return hosts.length === 0
    ? addresses.map((address) => `http://${address}`)
    : hosts.map((host) => `${secure.has(host) ? 'https' : 'http'}://${host}`);
}

/**
 * The images that really run in the newest pods of the objects, each by its digest. A node that pulled the same image by
 * several names reports one of them; the name is the one that the pod asked for.
 */
export function runningImagesOf(objects: readonly KubeObject[], around: Surroundings): readonly string[] {
  const pods = objects.flatMap((object) => newestPodsOf(object, around));
  const images = pods.flatMap(({ spec, status }) =>
    (status?.containerStatuses ?? []).flatMap(({ name, image, imageID }) => {
      // An image that was never in a registry has no digest there.
      const [, digest] = /@(sha256:[0-9a-f]{64})$/.exec(imageID) ?? [];
      const asked = spec.containers.find((container) => container.name === name)?.image ?? image;
      return digest === undefined ? [] : [`${withoutReference(asked)}@${digest}`];
    }),
  );
  return [...new Set(images)].sort();
}

function withoutReference(image: string): string {
  return image.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
}
