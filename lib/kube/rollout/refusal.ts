import { DeliveryError } from '../../errors/delivery-error.ts';
import { ApiError, brief, explainRefusal } from '../client/api-error.ts';
import type { ObjectRef } from '../client/resource.ts';
import type { Step } from './plan.ts';
import { immutableFieldOf, mayRecreate } from './recreate.ts';

/**
 * What it means that the cluster refused an object: `APPLY_CONFLICT`, `APPLY_REFUSED`, or one of the connection's
 * own errors.
 */
export function explainApply(error: unknown, { title, source, ref, desired }: Step): unknown {
  if (!(error instanceof ApiError)) return error;
  if (error.status === 401 || error.isForbidden || error.missesNamespace) return explainRefusal(error);
  const causes = error.reply.details?.causes ?? [];
  const conflicts = causes.filter(({ reason }) => reason === 'FieldManagerConflict');
  const what = `${title} (${source})`;
  if (conflicts.length > 0) {
    const fields = conflicts.map(({ field = '', message = '' }) => `${field} (${ownerOf(message)})`);
    return new DeliveryError('APPLY_CONFLICT', {
      message: `${what} would change fields that belong to somebody else: ${fields.join(', ')}.`,
      remedy:
        'Remove these fields from the manifest if their owner shall keep them (an autoscaler keeps spec.replicas), or set forceConflicts to take them over.',
      cause: error,
    });
  }
  const immutable = immutableFieldOf(error);
  if (immutable !== undefined) {
    return new DeliveryError('APPLY_REFUSED', {
      message: `${what} would change ${immutable}, which Kubernetes does not allow for an existing ${ref.resource.kind}.`,
      remedy: `${wayOut(ref)} (kubectl delete ${ref.resource.plural} ${ref.name}).`,
      cause: error,
    });
  }
  return new DeliveryError('APPLY_REFUSED', {
    message: `The cluster does not accept ${what}: ${reasonOf(error, desired.kind)}`,
    remedy: remedyOf(error),
    cause: error,
  });
}

/** Whoever gives rights away must have them (kubernetes.io/docs/reference/access-authn-authz/rbac, "Privilege escalation prevention"). */
function remedyOf({ reply: { message = '' } }: ApiError): string {
  return message.includes('attempting to grant RBAC permissions not currently held')
    ? 'Nobody can give away rights that they do not have. Give the account of the connection these rights, or the verb escalate on roles (for a binding: bind on the role that it names), or let somebody else apply this object.'
    : 'Correct the manifest at the field that is named; a policy or webhook that is named must allow it.';
}

function wayOut({ resource: { kind } }: ObjectRef): string {
  return mayRecreate(kind, true)
    ? 'Give the object a new name, or set recreate to have it deleted and made anew (what it runs is away meanwhile), or delete it yourself'
    : 'Give the object a new name, or delete the old one first, with all that it holds';
}

/** What the server says; of a Secret only which fields are wrong, because its sentences may quote their values. */
function reasonOf(error: ApiError, kind: string): string {
  const causes = error.reply.details?.causes ?? [];
  if (kind === 'Secret') {
    const fields = causes.map(({ field, reason }) => `${field ?? ''} ${reason ?? ''}`.trim()).join(', ');
    return `${error.status} ${error.reply.reason ?? ''} ${fields}`.trim();
  }
  const message = error.reply.message ?? error.reply.reason ?? `status ${error.status}`;
  // The sentence begins with the object's name, which is said already.
  return brief(message.replace(/^\S+ "[^"]*" is invalid: /, ''));
}

/** `conflict with "kubectl" using apps/v1` → `owned by kubectl`. */
function ownerOf(message: string): string {
  const owner = /conflict with "([^"]*)"/.exec(message)?.[1] ?? brief(message);
  return `owned by ${owner}`;
}
