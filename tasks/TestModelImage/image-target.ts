import { createHash } from 'node:crypto';
import { hostname, tmpdir } from 'node:os';
import type { Dispatcher } from 'undici';
import type { Agent } from '../../lib/agent/agent.ts';
import { imageToPull } from '../../lib/agent/image-to-pull.ts';
import { Container, removeLeftovers, withContainer } from '../../lib/docker/container/container.ts';
import type { ImageFacts } from '../../lib/docker/container/image-facts.ts';
import { ensureImage } from '../../lib/docker/container/pull-image.ts';
import { findReach, type Reach } from '../../lib/docker/container/reach.ts';
import { type DockerCli, findDocker } from '../../lib/docker/docker-cli.ts';
import { describeEngine } from '../../lib/docker/engine.ts';
import { withPrivateFolder } from '../../lib/docker/private-folder.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import type { Service } from '../../lib/probe/service.ts';
import { containerInputs, volumeArgumentOf } from './container-inputs.ts';
import { servicePort } from './service-port.ts';
import type { Target } from './target.ts';
import { watched } from './watched-container.ts';

/** What starting an image needs. */
export interface ImageContext {
  /** Reaches registries' token services. */
  readonly dispatcher: Dispatcher;
  readonly serviceAt: (url: URL) => Service;
  readonly signal: AbortSignal;
}

/** Pulls the image, starts a container of it, and removes that afterwards, whatever happens. */
export async function withImage<Result>(
  agent: Agent,
  { dispatcher, serviceAt, signal }: ImageContext,
  use: (target: Target) => Promise<Result>,
): Promise<Result> {
  // A mistake in an input is told before gigabytes are pulled.
  const inputs = await containerInputs(agent);
  const wanted = imageToPull(agent, dispatcher);
  const found = await findDocker(process.env);
  const parent = agent.variable('Agent.TempDirectory') ?? tmpdir();
  const logins = await wanted.logins(signal);
  return withPrivateFolder(parent, { logins, env: process.env }, async (folder) => {
    const docker = found.with(folder.env);
    await describeEngine(docker, signal);
    const owner = ownerOf(agent);
    const left = await removeLeftovers(docker, owner, signal);
    if (left > 0)
      agent.log(`Removed the containers (${left}) that an earlier run of this agent left when it was killed.`);
    const image = await pulled(agent, docker, wanted.name, signal);
    const port = servicePort(agent, inputs.port, wanted.name, image);
    const reach = await findReach(docker, { port, hostPort: inputs.hostPort }, signal);
    const volumes = inputs.volumes.map((volume) => volumeArgumentOf(volume, reach.within));
    const settings = { ...inputs.settings, image: image.id, volumes };
    agent.log(`Starting a container of ${wanted.name}, whose port ${port} ${wayTo(reach)}`);
    return withContainer(settings, { docker, network: reach.network, owner, signal }, async (container) => {
      const url = await addressOf(container, reach, signal);
      const facts = { name: wanted.name, image: wanted.byDigest(image.digests), service: serviceAt(url) };
      return watched(agent, container, { facts, port, ports: image.ports, signal }, use);
    });
  });
}

/** Only one job at a time runs on an agent, so containers of an earlier one are nobody's. */
function ownerOf(agent: Agent): string {
  const names = ['Agent.Id', 'Agent.Name', 'Agent.TempDirectory'].map((name) => agent.variable(name) ?? '');
  return createHash('sha256')
    .update([hostname(), ...names].join('\n'))
    .digest('hex')
    .slice(0, 32);
}

async function pulled(agent: Agent, docker: DockerCli, name: string, signal: AbortSignal): Promise<ImageFacts> {
  const policy = agent.inputs.choice('pull', ['always', 'missing', 'never']);
  const onLine = (line: string): void => agent.log(line);
  return agent.logDuring(`Getting ${name}`, () => ensureImage(name, policy, { docker, onLine, signal }));
}

function wayTo({ network }: Reach): string {
  if (network.kind === 'shared')
    return `is reached in the network of this agent, which is a container itself (${network.container.slice(0, 12)})`;
  return `is published ${network.bind === undefined ? "on the engine's machine" : 'on this machine'}`;
}

/** A container that has ended already has no address any more: that it ended is found out by who watches it. */
async function addressOf(container: Container, reach: Reach, signal: AbortSignal): Promise<URL> {
  const state = await container.state(signal);
  const url = reach.urlOf(state);
  if (url !== undefined || !state.isRunning) return url ?? new URL('http://127.0.0.1:9');
  throw new DeliveryError('CONTAINER_NOT_STARTED', {
    message: 'The Docker engine started the container but did not publish its port.',
    remedy: 'Check that runArguments sets no network of its own.',
  });
}
