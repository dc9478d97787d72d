import type { ProxySettings } from '../http/proxy.ts';
import type { Agent } from './agent.ts';

/** The proxy that the agent was set up with (`config --proxyurl …`); nothing, where it was set up without one. */
export function proxyOf(agent: Agent): ProxySettings {
  return {
    url: agent.variable('Agent.ProxyUrl'),
    username: agent.variable('Agent.ProxyUsername'),
    password: agent.variable('Agent.ProxyPassword'),
    bypass: JSON.parse(agent.variable('Agent.ProxyBypassList') ?? '[]') as string[],
  };
}
