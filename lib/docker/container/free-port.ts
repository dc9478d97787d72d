import { createServer } from 'node:net';
import { DeliveryError } from '../../errors/delivery-error.ts';

/**
 * Makes sure that nobody listens on a port in this network yet: whoever does would answer in the place of what is to be tested.
 *
 * @throws DeliveryError `PORT_IN_USE`
 */
export async function checkPortFree(port: number): Promise<void> {
  if (await canListen(port)) return;
  throw new DeliveryError('PORT_IN_USE', {
    message: `The container would share the network of this agent, where something listens on port ${port} already.`,
    remedy: 'Stop that, or let the service listen on another port.',
  });
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    // A port that this user may not have can still be free for the container.
    server.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'EADDRINUSE'));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
