import type { AzureCloud } from './cloud.ts';

/** Who signs in, and how it proves that. */
export type AzureIdentity =
  | {
      /** Workload identity federation: Azure Pipelines vouches for the service connection, and no secret is kept. */
      readonly kind: 'federated';
      readonly tenantId: string;
      readonly clientId: string;
      /** The run's own token, by which Azure Pipelines knows who asks it to vouch. */
      readonly accessToken: string;
    }
  | { readonly kind: 'secret'; readonly tenantId: string; readonly clientId: string; readonly secret: string }
  | {
      readonly kind: 'certificate';
      readonly tenantId: string;
      readonly clientId: string;
      /** Certificate and private key, as PEM. */
      readonly pem: string;
    }
  /** The identity of the machine that the agent runs on; its own where no client id is given. */
  | { readonly kind: 'managed'; readonly clientId: string | undefined };

/** An Azure Resource Manager service connection. */
export interface AzureConnection {
  readonly id: string;
  readonly cloud: AzureCloud;
  /** Undefined for connections to a management group. */
  readonly subscriptionId: string | undefined;
  readonly identity: AzureIdentity;
}

/** Everything in a connection that must never be shown. */
export function secretsOf({ identity }: AzureConnection): readonly string[] {
  switch (identity.kind) {
    case 'federated':
      return [identity.accessToken];
    case 'secret':
      return [identity.secret, encodeURIComponent(identity.secret)];
    case 'certificate':
      // Logs are read line by line, and so are secrets in them.
      return identity.pem.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('-----'));
    case 'managed':
      return [];
  }
}

/** The identity as a person would name it. */
export function nameOf(identity: AzureIdentity): string {
  if (identity.kind !== 'managed') return `the application ${identity.clientId}`;
  return identity.clientId === undefined
    ? "the managed identity of the agent's machine"
    : `the managed identity ${identity.clientId}`;
}
