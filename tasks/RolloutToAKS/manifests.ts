import type { Agent } from '../../lib/agent/agent.ts';
import { networkOf } from '../../lib/agent/network.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { createDispatcher } from '../../lib/http/dispatcher.ts';
import { collectManifests } from '../../lib/kube/manifests/collect.ts';
import type { Chart } from '../../lib/kube/manifests/helm.ts';
import type { ManifestObject } from '../../lib/kube/manifests/manifest-object.ts';

/**
 * Collects what the inputs name: manifests from files, addresses and folders of kustomize, a Helm chart, or both.
 *
 * @param namespace where objects go whose manifest names none
 * @throws DeliveryError `INPUT_MISSING`, and what `collectManifests` throws
 */
export async function manifestsOf(agent: Agent, namespace: string): Promise<readonly ManifestObject[]> {
  const { inputs } = agent;
  const chart = chartOf(agent, namespace);
  const manifests = inputs.lines('manifests');
  if (manifests.length === 0 && chart === undefined) throw nothingNamed();
  const dispatcher = createDispatcher(networkOf(agent));
  try {
    return await collectManifests(
      {
        manifests,
        chart,
        root: agent.variable('System.DefaultWorkingDirectory') ?? process.cwd(),
        tokens: inputs.flag('replaceTokens') ? (name) => agent.variable(name) : undefined,
        images: inputs.lines('images'),
        imagePaths: inputs.lines('imagePaths'),
      },
      { dispatcher, environment: process.env, signal: agent.signal, warn: (text) => agent.warn(text) },
    );
  } finally {
    await dispatcher.close();
  }
}

function chartOf({ inputs }: Agent, namespace: string): Chart | undefined {
  const chart = inputs.optionalText('chart');
  if (chart === undefined) return undefined;
  return {
    chart,
    version: inputs.optionalText('chartVersion'),
    releaseName: inputs.text('releaseName'),
    namespace,
    valueFiles: inputs.lines('valueFiles'),
    values: inputs.pairs('setValues'),
  };
}

function nothingNamed(): DeliveryError {
  return new DeliveryError('INPUT_MISSING', {
    message: 'The inputs manifests and chart are both empty.',
    remedy: 'Name at least one manifest, or a Helm chart.',
  });
}
