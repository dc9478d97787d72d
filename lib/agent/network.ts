import type { NetworkSettings } from '../http/dispatcher.ts';
import type { Agent } from './agent.ts';
import { proxyOf } from './proxy.ts';

/** The proxy and the certificate authorities that the agent was set up with. */
export function networkOf(agent: Agent): NetworkSettings {
  return { proxy: proxyOf(agent), caFile: agent.variable('Agent.CAInfo') };
}
