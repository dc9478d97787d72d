import type { Dispatcher } from 'undici';
import { formatImage, formatRepository, parseImageName } from '../oci/image-name.ts';
import { RegistryClient } from '../oci/registry-client.ts';
import type { Agent } from './agent.ts';
import type { RegistryLogin } from './registry.ts';
import { checkedLogin, registryAccess } from './registry-access.ts';

/** An image for docker to pull. */
export interface ImageToPull {
  readonly name: string;
  /** What docker signs in with besides its own logins; by Azure, that is asked for now. */
  readonly logins: (signal: AbortSignal) => Promise<readonly RegistryLogin[]>;
  /** Of the names by digest that an engine has for it, the one in its own repository; undefined where there is none. */
  readonly byDigest: (names: readonly string[]) => string | undefined;
}

/** An image by its id, as docker build prints it, is in no registry. */
const IMAGE_ID = /^(?:sha256:)?[0-9a-f]{12,64}$/;

/**
 * Reads `image`, `registry`, `registryConnection` and `registrySubscription`.
 *
 * @throws DeliveryError `INPUT_MISSING`, `IMAGE_NAME_INVALID`, `TAG_INVALID`, `INPUT_INVALID`, `CONNECTION_MISSING`,
 *   `CONNECTION_INVALID`, `REGISTRY_NOT_AZURE`
 */
export function imageToPull(agent: Agent, dispatcher: Dispatcher): ImageToPull {
  const { inputs } = agent;
  const access = registryAccess(agent, {
    registry: inputs.optionalText('registry'),
    connection: ['registryConnection', inputs.optionalText('registryConnection')],
    subscription: ['registrySubscription', inputs.optionalText('registrySubscription')],
  });
  const text = inputs.text('image');
  if (IMAGE_ID.test(text)) return { name: text, logins: () => Promise.resolve([]), byDigest: ([first]) => first };
  const image = parseImageName(text, access.host);
  const name = formatImage(image);
  const login = checkedLogin(access, image.registry, name);
  return {
    name,
    logins: async (signal) => {
      if (login === undefined) return [];
      const onToken = (token: string): void => agent.hide(token);
      const client = new RegistryClient({ registry: image.registry, login, dispatcher, onToken });
      const known = await client.dockerLogin(signal);
      return known === undefined ? [] : [{ ...known, registry: image.registry }];
    },
    byDigest: (names) => {
      const parsed = names.map((each) => parseImageName(each));
      const own = parsed.find((each) => formatRepository(each) === formatRepository(image));
      return own && formatImage(own);
    },
  };
}
