// Ports on loopback: which one a service is to have, and whether it can have it.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';

/** The port that an environment variable gives, or the usual one. Throws {@link DeliveryError} `PORT_INVALID`. */
export function portOf(variable: string, usual: number): number {
  const text = process.env[variable];
  if (text === undefined || text === '') return usual;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65536) return port;
  throw new DeliveryError('PORT_INVALID', {
    message: `${variable} is "${text}", which is no port.`,
    remedy: `Give a number from 1 to 65535, or unset it for ${usual}.`,
  });
}

/**
 * Makes sure that a service can listen on a port of 127.0.0.1. Throws {@link DeliveryError} `PORT_TAKEN`, because the
 * program that finds it taken later would say so in its log only.
 */
export async function requireFree(port: number, variable: string): Promise<void> {
  if (await listens(port)) return;
  throw new DeliveryError('PORT_TAKEN', {
    message: `Port ${port} of 127.0.0.1 is taken by another program.`,
    remedy: `Stop that program, or set ${variable} to a port that is free.`,
  });
}

/** Whether somebody listens on a port of 127.0.0.1. */
export async function isTaken(port: number): Promise<boolean> {
  return !(await listens(port));
}

async function listens(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/**
 * A port of 127.0.0.1 that nothing listens on at the moment. It is none of those that the system gives out by itself,
 * for somebody else could get it before the service that is to have it listens.
 */
export async function freePort(): Promise<number> {
  const port = randomInt(20_000, 30_000);
  return (await listens(port)) ? port : await freePort();
}
