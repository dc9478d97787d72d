import { DeliveryError } from '../errors/delivery-error.ts';

/**
 * Ports as images list them: `8080` becomes `8080/tcp`.
 *
 * @throws DeliveryError `PORT_INVALID`
 */
export function parsePorts(ports: readonly string[]): readonly string[] {
  return ports.map((text) => {
    const [, port = '', protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text) ?? [];
    if (port !== '' && Number(port) >= 1 && Number(port) <= 65535) return `${Number(port)}/${protocol}`;
    throw new DeliveryError('PORT_INVALID', {
      message: `"${text}" is not a port.`,
      remedy: 'Write a number from 1 to 65535, followed by /udp or /sctp where it is not TCP.',
    });
  });
}
