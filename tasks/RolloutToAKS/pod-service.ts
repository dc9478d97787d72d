import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import type { PodAddress } from '../../lib/kube/strategies/check.ts';
import { httpService } from '../../lib/probe/service.ts';
import type { Answer, Reply, Service } from '../../lib/probe/service.ts';

/** A request must be answered whole within this time, in milliseconds. */
const REQUEST_LIMIT = 30_000;

/** What the API server says itself, instead of handing on what the pod says. */
interface Status {
  readonly kind?: unknown;
  readonly message?: unknown;
}

/** A pod as a service that can be checked, reached through the API server. */
export function podService({ pod, ...way }: PodAddress): Service {
  const service = httpService({ ...way, requestLimit: REQUEST_LIMIT });
  return async (request, signal) => {
    const reply = await service(request, signal);
    return reply.kind === 'answer' ? fromPod(pod, reply) : reply;
  };
}

function fromPod(pod: string, answer: Answer): Reply {
  const message = refusalIn(answer);
  if (message === undefined) return answer;
  if (answer.status === 401 || answer.status === 403) {
    throw new DeliveryError('CLUSTER_FORBIDDEN', {
      message: `The cluster does not let the checks reach pod ${pod}: ${message}`,
      remedy:
        'Give the account of the connection the verbs get and create on pods/proxy; docs/rollout-role.yml has them.',
    });
  }
  return { kind: 'refused', why: `cannot be reached (${message})`, milliseconds: answer.milliseconds };
}

function refusalIn({ status, contentType = '', body }: Answer): string | undefined {
  if (status < 400 || !contentType.includes('json') || body.length > 4096) return undefined;
  try {
    const { kind, message } = JSON.parse(body.toString('utf8')) as Status;
    return kind === 'Status' && typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
