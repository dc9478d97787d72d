import type { Agent } from '../../lib/agent/agent.ts';

/** Inputs that stand in the image's configuration or manifest as they are given. */
const PUBLIC = ['env', 'labels', 'annotations', 'entrypoint', 'command', 'healthCheck'];

/** Warns of secrets on their way into what registries show of an image. */
export function warnOfPublicSecrets(agent: Agent): void {
  for (const name of PUBLIC) {
    if (!agent.holdsSecret(agent.inputs.optionalText(name) ?? '')) continue;
    agent.warn(
      `The input ${name} holds the value of a secret variable: everybody who can pull the image can read it. Give secrets to containers when they run, such as from a Secret of Kubernetes.`,
    );
  }
}
