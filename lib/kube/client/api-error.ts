import { DeliveryError } from '../../errors/delivery-error.ts';

/** The `Status` object in which the API server explains a refusal. */
export interface ApiStatus {
  readonly kind?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly kind?: string;
    readonly name?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
  };
}

/** What was asked of the API server, as people and permissions name it. */
export interface Asked {
  /** `get`, `list`, `watch`, `create`, `patch`, `update`, `delete`: the verb that a Role must allow. */
  readonly verb: string;
  /** `deployments.apps`. */
  readonly resource: string;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

const MAX_MESSAGE = 600;

/** An answer of the API server other than success. Callers that know better what it means translate it. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly reply: ApiStatus;
  readonly asked: Asked;
  /** Whether it was a token of Microsoft Entra by which was asked, and a new one at that. */
  readonly byEntra: boolean;

  constructor(status: number, reply: ApiStatus, asked: Asked, { byEntra = false } = {}) {
    super(`${asked.verb} ${describe(asked)}: ${status} ${reply.reason ?? ''} ${brief(reply.message ?? '')}`.trim());
    this.status = status;
    this.reply = reply;
    this.asked = asked;
    this.byEntra = byEntra;
  }

  /** Whether it was permission that was missing, not an admission check that refused the object. */
  get isForbidden(): boolean {
    return this.status === 403 && (/\bcannot \S+ resource\b|^$/.test(this.reply.message ?? '') || this.lacksCreate);
  }

  /**
   * Whether an apply would have made its object, and that was not permitted: of that the server says nothing but what its
   * authorizer gives as the reason, which is mostly nothing at all.
   */
  get lacksCreate(): boolean {
    return (
      this.status === 403 && /is forbidden:\s*($|.*access to the resource in Azure)/i.test(this.reply.message ?? '')
    );
  }

  /** The same answer, about what was really asked. */
  about(asked: Asked): ApiError {
    return new ApiError(this.status, this.reply, asked, { byEntra: this.byEntra });
  }

  /** Whether the namespace of the object is what is missing; a Namespace that is not there misses none. */
  get missesNamespace(): boolean {
    return this.status === 404 && this.reply.details?.kind === 'namespaces' && this.asked.resource !== 'namespaces';
  }
}

/** `deployments.apps "digits" in namespace shop`. */
export function describe({ resource, namespace, name }: Asked): string {
  const what = name === undefined ? resource : `${resource} "${name}"`;
  return namespace === undefined ? what : `${what} in namespace ${namespace}`;
}

/** What a task is about to do in a cluster, and so what rights it is worth to ask for. */
export type Intent = 'read' | 'rollout';

/**
 * The error of a refusal that has the same meaning whatever was asked: `CLUSTER_UNAUTHORIZED`, `CLUSTER_FORBIDDEN`,
 * `NAMESPACE_NOT_FOUND`, else `CLUSTER_REFUSED`.
 */
export function explainRefusal(error: ApiError, intent: Intent = 'rollout'): DeliveryError {
  const { asked, reply, status } = error;
  if (status === 401) return unauthorized(error);
  if (error.isForbidden) return forbidden(error, intent);
  if (error.missesNamespace) return namespaceNotFound(asked.namespace ?? reply.details?.name ?? '');
  return new DeliveryError('CLUSTER_REFUSED', {
    message: `The cluster refused to ${asked.verb} ${describe(asked)}: ${status} ${brief(reply.message ?? reply.reason ?? '')}`,
    remedy: 'Correct what the cluster names, then run the task again.',
    cause: error,
  });
}

/** The namespace is not there and no manifest makes it. */
export function namespaceNotFound(namespace: string): DeliveryError {
  return new DeliveryError('NAMESPACE_NOT_FOUND', {
    message: `The cluster has no namespace "${namespace}".`,
    remedy: `Create it (kubectl create namespace ${namespace}), add it to the manifests, or correct the input namespace.`,
  });
}

function unauthorized(error: ApiError): DeliveryError {
  const { asked, byEntra } = error;
  const what = byEntra ? 'token of Microsoft Entra' : 'credentials of the Kubernetes connection';
  return new DeliveryError('CLUSTER_UNAUTHORIZED', {
    message: `The cluster does not accept the ${what} (asked to ${asked.verb} ${describe(asked)}).`,
    remedy: byEntra
      ? "Check that the service connection's tenant is that of the cluster (az aks show --query aadProfile.tenantID)."
      : 'The token or certificate may have expired or been revoked: put a new one into the service connection.',
    cause: error,
  });
}

function forbidden(error: ApiError, intent: Intent): DeliveryError {
  const { asked, byEntra, reply } = error;
  const user = /User "([^"]*)"/.exec(reply.message ?? '')?.[1];
  const subject = byEntra ? ', bound to the kind User with the name above' : '';
  return new DeliveryError('CLUSTER_FORBIDDEN', {
    message: `${user === undefined ? 'The account of the connection' : `"${user}"`} may not ${asked.verb} ${asked.resource} ${placeOf(asked)}.`,
    remedy: remedyOf([asked], reply.message ?? '', { subject, intent }),
    cause: error,
  });
}

/**
 * The error of rights that are missing, named all at once. Whoever asked beforehand has changed nothing.
 *
 * @param reason what the cluster says of why they are missing
 * @param remedy what to do, where that is known better than from the rights alone
 */
export function explainMissing(missing: readonly Asked[], reason: string, remedy?: string): DeliveryError {
  const places = [...new Set(missing.map(placeOf))].map((place) => {
    const there = missing.filter((one) => placeOf(one) === place);
    const resources = [...new Set(there.map(({ resource }) => resource))].map((resource) => {
      const verbs = new Set(there.filter((one) => one.resource === resource).map(({ verb }) => verb));
      return `${[...verbs].join(', ')} ${resource}`;
    });
    return `${resources.join('; ')} ${place}`;
  });
  return new DeliveryError('CLUSTER_FORBIDDEN', {
    message: `The account of the connection may not ${places.join('; ')}. This rollout needs that to be carried out, or to be put back should it fail; nothing was changed.`,
    remedy: remedy ?? remedyOf(missing, reason),
  });
}

function placeOf({ namespace }: Asked): string {
  return namespace === undefined ? 'in the whole cluster' : `in namespace ${namespace}`;
}

/** Where Azure's roles count inside of the cluster as well, its answer says so. */
function remedyOf(
  missing: readonly Asked[],
  reason: string,
  { subject = '', intent = 'rollout' }: { readonly subject?: string; readonly intent?: Intent } = {},
): string {
  const [first] = missing;
  const namespace = first?.namespace;
  if (/access to the resource in Azure/i.test(reason)) {
    const scope =
      namespace === undefined ? 'on the cluster' : `on the cluster, or on its namespaces/${namespace} alone`;
    const role = intent === 'read' ? 'Reader' : 'Writer';
    return `Give it the role "Azure Kubernetes Service RBAC ${role}" ${scope}; it takes some minutes to be known.`;
  }
  const kind = namespace === undefined ? 'ClusterRole' : 'Role';
  const what = missing.length === 1 ? `the verb ${first?.verb ?? ''} on ${first?.resource ?? ''}` : 'all of that';
  return `Give it a ${kind} that allows ${what}${subject}${intent === 'read' ? '' : exampleFor(first)}.`;
}

function exampleFor(asked: Asked | undefined): string {
  if (asked?.namespace !== undefined) return '; docs/rollout-role.yml is one with all that is needed';
  return asked?.resource === 'namespaces' ? '; docs/rollout-namespace-role.yml is one with all that is needed' : '';
}

/** A message of the server in one line of bounded length. */
export function brief(message: string): string {
  const line = message.replace(/\s+/g, ' ').trim();
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE)}…` : line;
}
