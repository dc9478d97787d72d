// Which address each Service of type LoadBalancer has.
import type { ApiObject } from './api.ts';

/** An address that a Service gets, or without one, that it loses. */
export interface Assignment {
  readonly namespace: string;
  readonly name: string;
  readonly address: string | undefined;
}

/** Kept for documentation by RFC 5737: no real host has one of these. */
const ADDRESSES: readonly string[] = Array.from({ length: 245 }, (_, index) => `203.0.113.${index + 10}`);

/**
 * What must change so that each Service of type LoadBalancer has an address of its own and no other Service has one.
 * An address once given stays. Where there are more Services than addresses, the last ones wait.
 */
export function assignAddresses(services: readonly ApiObject[]): readonly Assignment[] {
  const balanced = services.filter(({ spec }) => spec?.type === 'LoadBalancer');
  const used = new Set(balanced.flatMap((service) => addressOf(service) ?? []));
  const free = ADDRESSES.filter((address) => !used.has(address));
  const given = balanced
    .filter((service) => addressOf(service) === undefined)
    .slice(0, free.length)
    .map((service, index) => assignment(service, free[index]));
  const taken = services
    .filter((service) => service.spec?.type !== 'LoadBalancer' && addressOf(service) !== undefined)
    .map((service) => assignment(service, undefined));
  return [...taken, ...given];
}

function addressOf(service: ApiObject): string | undefined {
  return service.status?.loadBalancer?.ingress?.[0]?.ip;
}

function assignment({ metadata }: ApiObject, address: string | undefined): Assignment {
  return { namespace: metadata.namespace ?? 'default', name: metadata.name, address };
}
