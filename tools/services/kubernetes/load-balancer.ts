// Plays the cloud's part for Services of type LoadBalancer: gives each an address of its own, which kube-proxy then
// serves on this machine, and takes it back when the Service is of that type no more. Runs as a process of its own for
// as long as the cluster does.
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../lib/errors/delivery-error.ts';
import { assignAddresses } from './addresses.ts';
import { type ApiList, ClusterApi } from './api.ts';
import { ensureCredentials } from './credentials.ts';

const SERVICES = '/api/v1/services';

let last: string | undefined;

/** Puts every Service right and returns the version of the list that was seen. */
async function settle(api: ClusterApi): Promise<string> {
  const services: ApiList = await api.list(SERVICES);
  for (const { namespace, name, address } of assignAddresses(services.items, last)) {
    const ingress = address === undefined ? null : [{ ip: address }];
    await api.patch(`/api/v1/namespaces/${namespace}/services/${name}/status`, {
      status: { loadBalancer: { ingress } },
    });
    last = address ?? last;
    console.log(`${new Date().toISOString()} ${namespace}/${name}: ${address ?? 'address taken back'}`);
  }
  return services.metadata.resourceVersion;
}

const access = await ensureCredentials();
for (;;) {
  try {
    await ClusterApi.use(access, async (api) => {
      for (;;) await api.changed(SERVICES, await settle(api));
    });
  } catch (error) {
    // The API server may be away for a while; what matters is to be back when it is.
    console.error(`${new Date().toISOString()} ${messageOf(error)}`);
    await sleep(500);
  }
}
