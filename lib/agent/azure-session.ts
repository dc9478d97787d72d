import { type AzureConnection, secretsOf } from '../azure/connection.ts';
import { AzureSession } from '../azure/session.ts';
import { createDispatcher } from '../http/dispatcher.ts';
import type { Agent } from './agent.ts';
import { networkOf } from './network.ts';

/**
 * Brings an Azure service connection to life. Its secrets, and the tokens that it brings, are hidden from the log.
 *
 * @throws DeliveryError `CONNECTION_MISSING`, `CONNECTION_INVALID`
 */
export function azureSession(agent: Agent, connectionId: string): AzureSession {
  return sessionOf(agent, agent.connections.azure(connectionId));
}

/**
 * The same for a connection that was read already.
 *
 * @param signal ends its requests; without it, the task's end does
 */
export function sessionOf(agent: Agent, connection: AzureConnection, signal = agent.signal): AzureSession {
  for (const secret of secretsOf(connection)) agent.hide(secret);
  return new AzureSession(connection, {
    dispatcher: createDispatcher(networkOf(agent)),
    signal,
    onToken: (token) => agent.hide(token),
  });
}
