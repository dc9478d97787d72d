// What the providers of resources behind Azure Resource Manager have in common: whom they work for, and how they refuse. Follows
// https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors.
import type { Answer, Call } from './calls.ts';
import { type Directory, mayDo } from './directory.ts';

/** Work on what is in a subscription, for somebody who has shown who they are. */
export type Work = (directory: Directory, objectId: string) => Answer;

/**
 * Knows the calls for one kind of resource.
 *
 * @param path what follows the subscription
 */
export type Provider = (call: Call, path: string) => Work | undefined;

/** Who wants to do what, and to which resource. */
export interface Deed {
  readonly objectId: string;
  /** Such as `Microsoft.Storage/storageAccounts/listKeys/action`. */
  readonly action: string;
  readonly id: string;
}

/** The refusal of what no role allows; undefined where one does. Roles are looked at before it is looked whether there is such a thing. */
export function refusalOf(directory: Directory, { objectId, action, id }: Deed): Answer | undefined {
  if (mayDo(directory, objectId, action, id)) return undefined;
  return failure(
    403,
    'AuthorizationFailed',
    `The client '${objectId}' with object id '${objectId}' does not have authorization to perform action '${action}' over scope '${id}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
  );
}

/** The answer to a call for what is not there. */
export function notFound(type: string, name: string, group: string): Answer {
  return failure(
    404,
    'ResourceNotFound',
    `The Resource '${type}/${name}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  );
}

export function failure(status: number, code: string, message: string): Answer {
  return { status, body: { error: { code, message } } };
}
