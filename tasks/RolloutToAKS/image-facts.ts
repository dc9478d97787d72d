import type { Dispatcher } from 'undici';
import type { Agent } from '../../lib/agent/agent.ts';
import { dockerLogins } from '../../lib/agent/docker-logins.ts';
import { checkedLogin, type RegistryAccess, registryAccess } from '../../lib/agent/registry-access.ts';
import { messageOf } from '../../lib/errors/delivery-error.ts';
import type { ImageFacts } from '../../lib/kube/manifests/lineage.ts';
import { readBaseImage } from '../../lib/oci/base-image.ts';
import { registryBase } from '../../lib/oci/base-source.ts';
import { parseImageName } from '../../lib/oci/image-name.ts';
import { RegistryClient } from '../../lib/oci/registry-client.ts';

/** How long the registries may take to tell what all images hold, in milliseconds; nothing depends on it. */
const TIME_LIMIT = 5_000;

/**
 * What is known of the images that a rollout puts in: their digests, and what they say of themselves, such as which model
 * is in them. Only images by digest are asked for: what a tag means may be another tomorrow. A registry that does not answer
 * takes nothing but these facts away.
 *
 * @returns finds the facts of an image by its name
 * @throws DeliveryError for a registry connection that cannot be used
 */
export async function imageFacts(
  agent: Agent,
  images: readonly string[],
  dispatcher: Dispatcher,
): Promise<(image: string) => ImageFacts | undefined> {
  const { inputs } = agent;
  const access = registryAccess(agent, {
    registry: undefined,
    connection: ['registryConnection', inputs.optionalText('registryConnection')],
    subscription: ['registrySubscription', inputs.optionalText('registrySubscription')],
  });
  const ownLogin = await dockerLogins(agent);
  const signal = AbortSignal.any([agent.signal, AbortSignal.timeout(TIME_LIMIT)]);
  const clientOf = (registry: string, name: string): RegistryClient =>
    new RegistryClient({
      registry,
      login: loginFor(access, registry, name) ?? ownLogin(registry),
      dispatcher,
      onToken: (token) => agent.hide(token),
    });
  const pinned = [...new Set(images)].filter((image) => image.includes('@sha256:'));
  const found = await Promise.all(
    pinned.map(async (image) => {
      try {
        return [image, await factsOf(image, clientOf, signal)] as const;
      } catch (error) {
        agent.signal.throwIfAborted();
        const reason = signal.aborted ? `its registry did not answer within ${TIME_LIMIT / 1000} s` : messageOf(error);
        agent.log(`Which model is in ${image} is not noted in the cluster, because that cannot be read: ${reason}`);
        return [image, digestOf(image)] as const;
      }
    }),
  );
  const facts = new Map<string, ImageFacts>(found);
  return (image) => facts.get(image);
}

/** The connection is for one registry; images of others are asked for without it. */
function loginFor(access: RegistryAccess, registry: string, name: string): RegistryAccess['login'] {
  return access.host === undefined || access.host === registry ? checkedLogin(access, registry, name) : undefined;
}

async function factsOf(
  image: string,
  clientOf: (registry: string, name: string) => RegistryClient,
  signal: AbortSignal,
): Promise<ImageFacts> {
  const name = parseImageName(image);
  const base = await readBaseImage(registryBase(clientOf(name.registry, image), name), [], signal);
  const labels = base.images[0]?.config.config?.Labels ?? {};
  const said = {
    'model-delivery.model.name': labels['model-delivery.model.name'],
    'model-delivery.model.version': labels['model-delivery.model.version'],
    'model-delivery.model.digest': labels['model-delivery.model.digest'],
    'model-delivery.model.uri': labels['model-delivery.model.uri'],
    'model-delivery.app.revision': labels['org.opencontainers.image.revision'],
    'model-delivery.app.source': labels['org.opencontainers.image.source'],
  };
  return { ...digestOf(image), ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) };
}

function digestOf(image: string): ImageFacts {
  return { 'model-delivery.image.digest': image.slice(image.indexOf('@') + 1) };
}
