import { DeliveryError } from '../../errors/delivery-error.ts';
import { explained } from '../client/kube-client.ts';
import type { KubeClient } from '../client/kube-client.ts';
import { SECRETS } from '../client/resource.ts';
import { applicationNamed } from './application.ts';
import type { Application, ApplicationChoice } from './application.ts';
import { RECORD_TYPE } from './record-secret.ts';

/**
 * The application that is meant where no manifests say it: the one of that name, else the only one in the namespace.
 *
 * @throws DeliveryError `APPLICATION_UNKNOWN` if there is none or a choice; `APPLICATION_NAME_INVALID`
 */
export async function findApplication(
  client: KubeClient,
  { name, namespace: wanted, fallback }: ApplicationChoice,
  signal: AbortSignal,
): Promise<Application> {
  const namespace = wanted ?? fallback;
  if (name !== undefined) return applicationNamed(name, namespace);
  const known = await knownApplications(client, namespace, signal);
  const [only] = known;
  if (only !== undefined && known.length === 1) return { name: only, namespace };
  throw new DeliveryError('APPLICATION_UNKNOWN', {
    message:
      only === undefined
        ? `Nothing that this task rolled out is known in namespace ${namespace}.`
        : `Namespace ${namespace} has several applications: ${known.join(', ')}.`,
    remedy: 'Set applicationName, and namespace where it is not that of the connection.',
  });
}

async function knownApplications(
  client: KubeClient,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  try {
    const { items } = await client.list(SECRETS, namespace, { fieldSelector: `type=${RECORD_TYPE}` }, signal);
    return items.map(({ metadata }) => metadata.name.replace(/^model-delivery\./, '')).sort();
  } catch (error) {
    throw explained(error);
  }
}
