import type { Agent } from '../../lib/agent/agent.ts';
import { accessIfNamed } from '../../lib/agent/cluster.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { unlessAborted } from '../../lib/http/unless-aborted.ts';
import { KubeClient } from '../../lib/kube/client/kube-client.ts';
import { type DeployedContainer, deployedContainers, parseWorkload } from '../../lib/kube/deployed-image.ts';
import { formatRepository, parseImageName, type RepositoryName } from '../../lib/oci/image-name.ts';
import { Repository } from '../../lib/oci/repository.ts';
import type { RegistryRoute } from '../../lib/agent/registry.ts';

/** What runs now. */
export interface Deployed {
  /** As it is named there. */
  readonly image: string;
  /** Digests by which it is known: several while pods are being replaced; none where it is of another repository. */
  readonly digests: readonly string[];
}

/**
 * What runs now, as `deployedImage` says it or the cluster shows it; undefined where nothing does, or nobody asks.
 *
 * @throws DeliveryError `WORKLOAD_INVALID`, `WORKLOAD_CONTAINER_MISSING`, `IMAGE_NAME_INVALID`, `INPUT_MISSING`, and those of {@link accessIfNamed}
 *   and of {@link deployedContainers}
 */
export async function deployedImage(
  agent: Agent,
  route: RegistryRoute,
  signal: AbortSignal,
): Promise<Deployed | undefined> {
  const { inputs } = agent;
  const given = inputs.optionalText('deployedImage');
  if (given !== undefined) return { image: given, digests: await digestsOf(given, route, signal) };
  const access = await unlessAborted(accessIfNamed(agent, inputs.optionalText('clusterSubscription')), signal);
  if (access === undefined) return undefined;
  const workload = parseWorkload(inputs.text('workload'));
  const ref = { ...workload, namespace: inputs.optionalText('namespace') ?? access.namespace ?? 'default' };
  const client = new KubeClient(access);
  try {
    const containers = await deployedContainers(client, ref, signal);
    const title = `${ref.resource.kind} ${ref.name} in ${ref.namespace}`;
    if (containers === undefined) {
      agent.log(`There is no ${title} yet.`);
      return undefined;
    }
    const container = chosen(containers, inputs.optionalText('containerName'), route.target, title);
    if (container === undefined) {
      agent.log(`${title} runs no image of ${formatRepository(route.target)} yet.`);
      return undefined;
    }
    const { image, runningDigests } = container;
    return { image, digests: runningDigests.length > 0 ? runningDigests : ownDigest(image, route.target) };
  } finally {
    await client.close();
  }
}

/** The container that is named, else the first that runs an image of the repository. */
function chosen(
  containers: readonly DeployedContainer[],
  name: string | undefined,
  target: RepositoryName,
  title: string,
): DeployedContainer | undefined {
  if (name === undefined) return containers.find(({ image }) => isOf(image, target));
  const found = containers.find((container) => container.name === name);
  if (found !== undefined) return found;
  throw new DeliveryError('WORKLOAD_CONTAINER_MISSING', {
    message: `${title} has no container ${name}.`,
    remedy: `It has: ${containers.map((container) => container.name).join(', ')}.`,
  });
}

function isOf(image: string, { registry, repository }: RepositoryName): boolean {
  try {
    const name = parseImageName(image);
    return name.registry === registry && name.repository === repository;
  } catch (error) {
    if (error instanceof DeliveryError) return false;
    throw error;
  }
}

function ownDigest(image: string, target: RepositoryName): readonly string[] {
  const { digest } = parseImageName(image, target.registry);
  return digest === undefined || !isOf(image, target) ? [] : [digest];
}

/** Of an image that is named by its tag, what that means now. */
async function digestsOf(
  given: string,
  { client, target }: RegistryRoute,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { registry, repository, tag, digest } = parseImageName(given, target.registry);
  if (registry !== target.registry || repository !== target.repository) return [];
  if (digest !== undefined) return [digest];
  const now = await new Repository(client, target, 'pull').digestOfTag(tag ?? 'latest', signal);
  return now === undefined ? [] : [now];
}
