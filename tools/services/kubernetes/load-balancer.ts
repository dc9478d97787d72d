// Plays the cloud's part for Services of type LoadBalancer: gives each an address of its own, which kube-proxy then
// serves on this machine. Runs as a process of its own for as long as the cluster does.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../lib/errors/delivery-error.ts';
import { type ApiAccess, type ApiObject, callApi } from './api.ts';
import { ensureCredentials } from './credentials.ts';

/** Addresses that RFC 5737 keeps for documentation: no real host has one. */
const NETWORK = '203.0.113';

function addressOf(service: ApiObject): string | undefined {
  return service.status?.loadBalancer?.ingress?.[0]?.ip;
}

function freeAddress(used: ReadonlySet<string>): string | undefined {
  for (let host = 10; host < 255; host += 1) {
    const address = `${NETWORK}.${host}`;
    if (!used.has(address)) return address;
  }
  return undefined;
}

async function assignAddresses(access: ApiAccess): Promise<void> {
  const services = (await callApi(access, '/api/v1/services')).items ?? [];
  const used = new Set(services.flatMap((service) => addressOf(service) ?? []));
  for (const service of services) {
    if (service.spec?.type !== 'LoadBalancer' || addressOf(service) !== undefined) continue;
    const { name, namespace = 'default' } = service.metadata;
    const address = freeAddress(used);
    if (address === undefined) throw new Error(`no address is free for the Service ${namespace}/${name}`);
    used.add(address);
    await callApi(access, `/api/v1/namespaces/${namespace}/services/${name}/status`, {
      status: { loadBalancer: { ingress: [{ ip: address }] } },
    });
    console.log(`${namespace}/${name}: ${address}`);
  }
}

const access = await ensureCredentials();
for (;;) {
  // The API server may be away for a while; what matters is to be back when it is.
  await assignAddresses(access).catch((error: unknown) => console.error(messageOf(error)));
  await sleep(300);
}
