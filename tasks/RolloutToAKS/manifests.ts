import type { Agent } from '../../lib/agent/agent.ts';
import { networkOf } from '../../lib/agent/network.ts';
import { proxyOf } from '../../lib/agent/proxy.ts';
import { pullLogin } from '../../lib/agent/pull-login.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { createDispatcher } from '../../lib/http/dispatcher.ts';
import { proxyFor } from '../../lib/http/proxy.ts';
import { readCapabilities } from '../../lib/kube/client/capabilities.ts';
import type { ClusterAccess } from '../../lib/kube/cluster-access.ts';
import { collectManifests } from '../../lib/kube/manifests/collect.ts';
import type { ManifestSelection } from '../../lib/kube/manifests/collect.ts';
import type { Chart } from '../../lib/kube/manifests/sources/helm.ts';
import { readSubstitutions } from '../../lib/kube/manifests/images.ts';
import type { ManifestObject } from '../../lib/kube/manifests/manifest-object.ts';
import { withPullSecret } from '../../lib/kube/manifests/pull-secret.ts';
import type { PullSecret } from '../../lib/kube/manifests/pull-secret.ts';
import type { Described } from '../../lib/kube/rollout/request.ts';
import { imageFacts } from './image-facts.ts';

/**
 * Collects what the inputs name: manifests from files, addresses and folders of kustomize, a Helm chart, or both; with
 * images, and the secret to pull them by. What registries know of the images is not waited for.
 *
 * @param access to the cluster, which charts are told about
 * @param home the namespace of objects whose manifest names none
 * @throws DeliveryError `INPUT_MISSING`, and what `collectManifests`, `imageFacts` and `pullLogin` throw
 */
export async function manifestsOf(agent: Agent, access: ClusterAccess, home: string): Promise<Described> {
  const selection = await selectionOf(agent, access, home);
  const pullSecret = pullSecretOf(agent);
  const dispatcher = createDispatcher(networkOf(agent));
  const warn = (text: string): void => agent.warn(text);
  const environment = { ...process.env, ...chartProxy(agent, selection.chart) };
  const context = { dispatcher, environment, signal: agent.signal, warn };
  const images = readSubstitutions(selection.images).map(({ image }) => image);
  const facts = imageFacts(agent, images, dispatcher);
  const collecting = collectManifests(selection, context);
  void Promise.allSettled([facts, collecting]).then(() => dispatcher.close());
  const collected = await collecting;
  const manifests = pullSecret === undefined ? collected : pulledBy(pullSecret, collected, home, warn);
  return { manifests, imageFacts: facts };
}

async function selectionOf(agent: Agent, access: ClusterAccess, home: string): Promise<ManifestSelection> {
  const { inputs } = agent;
  const chart = await chartOf(agent, access, home);
  const manifests = inputs.lines('manifests');
  if (manifests.length === 0 && chart === undefined) throw nothingNamed();
  return {
    manifests,
    chart,
    root: agent.variable('System.DefaultWorkingDirectory') ?? process.cwd(),
    tokens: inputs.flag('replaceTokens') ? (name) => agent.variable(name) : undefined,
    images: inputs.lines('images'),
    imagePaths: inputs.lines('imagePaths'),
  };
}

/** The agent's proxy for helm, which fetches a chart from its registry by itself and knows of that proxy nothing. */
function chartProxy(agent: Agent, chart: Chart | undefined): Readonly<Record<string, string>> {
  if (chart?.chart.startsWith('oci://') !== true) return {};
  const registry = chart.chart.replace(/^oci/, 'https');
  const proxy = URL.canParse(registry) ? proxyFor(new URL(registry), proxyOf(agent), process.env) : undefined;
  return proxy === undefined ? {} : { HTTPS_PROXY: proxy.href };
}

function pullSecretOf(agent: Agent): PullSecret | undefined {
  const { inputs } = agent;
  const name = inputs.optionalText('imagePullSecret');
  return name === undefined ? undefined : { name, ...pullLogin(agent, inputs.text('registryConnection')) };
}

function pulledBy(
  secret: PullSecret,
  manifests: readonly ManifestObject[],
  home: string,
  warn: (text: string) => void,
): readonly ManifestObject[] {
  const complete = withPullSecret(manifests, secret, home);
  if (complete.length === manifests.length) {
    warn(
      `The image pull secret ${secret.name} is not made: no pod of the manifests has an image of ${secret.registry}.`,
    );
  }
  return complete;
}

async function chartOf(agent: Agent, access: ClusterAccess, home: string): Promise<Chart | undefined> {
  const { inputs } = agent;
  const chart = inputs.optionalText('chart');
  if (chart === undefined) return undefined;
  return {
    chart,
    version: inputs.optionalText('chartVersion'),
    releaseName: inputs.text('releaseName'),
    namespace: home,
    // A cluster that does not answer is the matter of the rollout itself.
    capabilities: await readCapabilities(access, agent.signal).catch(() => undefined),
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
