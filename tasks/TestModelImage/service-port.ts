import type { Agent } from '../../lib/agent/agent.ts';
import type { ImageFacts } from '../../lib/docker/container/image-facts.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';

/**
 * The port that the service in an image listens on: the input `port`, else the only one that the image exposes.
 *
 * @throws DeliveryError `PORT_UNKNOWN`
 */
export function servicePort(agent: Agent, port: number | undefined, name: string, { ports }: ImageFacts): number {
  const exposed = ports.join(', ');
  if (port === undefined) {
    const [only, ...others] = ports;
    if (only !== undefined && others.length === 0) return only;
    throw new DeliveryError('PORT_UNKNOWN', {
      message: `The image ${name} exposes ${only === undefined ? 'no port' : `several ports (${exposed})`}, so it is not known where its service listens.`,
      remedy:
        'Give the port in the input port, or expose it in the image: ports of BundleModelImage, EXPOSE of a Dockerfile.',
    });
  }
  if (ports.length > 0 && !ports.includes(port)) {
    agent.warn(`The image ${name} exposes ${exposed}, but port is ${port}.`);
  }
  return port;
}
