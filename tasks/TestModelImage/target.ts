import type { Agent } from '../../lib/agent/agent.ts';
import { networkOf } from '../../lib/agent/network.ts';
import { serviceHeaders } from '../../lib/agent/service-checks.ts';
import { DeliveryError, messageOf } from '../../lib/errors/delivery-error.ts';
import { createDispatcher } from '../../lib/http/dispatcher.ts';
import { httpService, type Service } from '../../lib/probe/service.ts';
import { withImage } from './image-target.ts';

/** A service under test. */
export interface Target {
  /** What people call it: the image, or the address. */
  readonly name: string;
  /** The image by digest, where it is one. */
  readonly image: string | undefined;
  readonly service: Service;
  /** Aborts when the service can answer no more; its reason is a DeliveryError. */
  readonly ended: AbortSignal;
  /** Says why the service never became healthy, as far as more can be found out. */
  readonly explain: (why: string) => Promise<DeliveryError>;
  /** The memory that it had up to now; undefined where it is no container. Throws where that has ended. */
  readonly memory: () => Promise<MemoryUse | undefined>;
}

export interface MemoryUse {
  /** In bytes; undefined where the engine does not tell. */
  readonly peak: number | undefined;
  /** Whether a process of it was ended for want of memory. */
  readonly ranOut: boolean;
}

/** Opens what is to be tested: a container of an image, or a service that runs somewhere. */
export async function withTarget<Result>(
  agent: Agent,
  signal: AbortSignal,
  use: (target: Target) => Promise<Result>,
): Promise<Result> {
  const { inputs } = agent;
  const kind = inputs.choice('target', ['image', 'url']);
  const requestLimit = inputs.integer('requestTimeoutSeconds', { min: 1, max: 3_600 }) * 1000;
  const headers = serviceHeaders(agent);
  const limits = { connect: Math.min(15_000, requestLimit), idle: requestLimit + 1_000 };
  const dispatcher = createDispatcher(networkOf(agent), process.env, limits);
  const serviceAt = (url: URL): Service => httpService({ url, dispatcher, headers, requestLimit });
  if (kind === 'image') return withImage(agent, { dispatcher, serviceAt, signal }, use);
  const url = serviceUrl(inputs.text('url'));
  return use({
    name: url.href,
    image: undefined,
    service: serviceAt(url),
    ended: new AbortController().signal,
    explain: (why) => Promise.resolve(unhealthy(url.href, why)),
    memory: () => Promise.resolve(undefined),
  });
}

/** @param why a clause about the last request */
export function unhealthy(name: string, why: string, remedy?: string): DeliveryError {
  return new DeliveryError('SERVICE_NOT_HEALTHY', {
    message: `${name} did not become healthy in time: its health path ${why}.`,
    remedy:
      remedy ??
      'Check healthPath, and that the agent may reach the address; raise startTimeoutSeconds if it only needs longer.',
  });
}

function serviceUrl(text: string): URL {
  try {
    const url = new URL(text);
    if (url.host.includes(',')) throw invalidUrl(text, 'it is a list of addresses');
    if (/^https?:$/.test(url.protocol)) return url;
  } catch (cause) {
    throw invalidUrl(text, messageOf(cause));
  }
  throw invalidUrl(text, 'it begins with neither http:// nor https://');
}

function invalidUrl(text: string, problem: string): DeliveryError {
  return new DeliveryError('INPUT_INVALID', {
    message: `The input url is "${text}": ${problem}.`,
    remedy: 'Give the address of the service, such as $(rollout.addresses) of a RolloutToAKS step with one address.',
  });
}
