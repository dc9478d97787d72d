// Which address each Service of type LoadBalancer has.
import type { ApiObject } from './api.ts';

/** An address that a Service gets, or without one, that it loses. */
export interface Assignment {
  readonly namespace: string;
  readonly name: string;
  readonly address: string | undefined;
}

/** Kept for benchmarks within one's own network by RFC 2544: no host that anybody needs has one of these. */
export const ADDRESS_RANGE = '198.18.0.0/24';
const ADDRESSES: readonly string[] = Array.from({ length: 245 }, (_, index) => `198.18.0.${index + 10}`);

/**
 * What must change so that each Service of type LoadBalancer has an address of its own and no other Service has one.
 * An address once given stays. Where there are more Services than addresses, the last ones wait.
 *
 * @param last the address that was given last: the next ones follow it in turn, because one that has just become free
 *   leads to the pods of its former Service for a moment still
 */
export function assignAddresses(services: readonly ApiObject[], last: string | undefined): readonly Assignment[] {
  const balanced = services.filter(({ spec }) => spec?.type === 'LoadBalancer');
  const used = new Set(balanced.flatMap((service) => addressOf(service) ?? []));
  const next = last === undefined ? 0 : ADDRESSES.indexOf(last) + 1;
  const free = [...ADDRESSES.slice(next), ...ADDRESSES.slice(0, next)].filter((address) => !used.has(address));
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
