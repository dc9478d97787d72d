/** One of Azure's clouds: where its parts answer. */
export interface AzureCloud {
  /** As service connections call it, such as `AzureCloud` or `AzureUSGovernment`. */
  readonly name: string;
  /** Where identities sign in, without a slash at its end. */
  readonly authority: string;
  /** Root of Azure Resource Manager, without a slash at its end. */
  readonly resourceManager: string;
  /** Scope of tokens for Azure Resource Manager. */
  readonly resourceManagerScope: string;
  /** What follows `<account>.blob.` in the address of a storage account. */
  readonly storageSuffix: string;
}

/** What a service connection says of its cloud; everything may be missing. */
export interface CloudFacts {
  readonly environment: string | undefined;
  readonly resourceManager: string | undefined;
  readonly authority: string | undefined;
  /** Audience of Azure Resource Manager where it is not its address. */
  readonly resourceManagerAudience: string | undefined;
  readonly storageSuffix: string | undefined;
}

/** Scope of tokens for blobs: the same in every cloud (https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory). */
export const STORAGE_SCOPE = 'https://storage.azure.com/.default';

type KnownCloud = Pick<AzureCloud, 'name' | 'authority' | 'resourceManager' | 'storageSuffix'>;

const PUBLIC: KnownCloud = {
  name: 'AzureCloud',
  authority: 'https://login.microsoftonline.com',
  resourceManager: 'https://management.azure.com',
  storageSuffix: 'core.windows.net',
};
const KNOWN: readonly KnownCloud[] = [
  PUBLIC,
  {
    name: 'AzureUSGovernment',
    authority: 'https://login.microsoftonline.us',
    resourceManager: 'https://management.usgovcloudapi.net',
    storageSuffix: 'core.usgovcloudapi.net',
  },
  {
    name: 'AzureChinaCloud',
    authority: 'https://login.chinacloudapi.cn',
    resourceManager: 'https://management.chinacloudapi.cn',
    storageSuffix: 'core.chinacloudapi.cn',
  },
];

/** The cloud of a service connection: what the connection says counts before what is known of its environment. */
export function cloudOf(facts: CloudFacts): AzureCloud {
  const name = facts.environment ?? PUBLIC.name;
  const known = KNOWN.find((cloud) => cloud.name.toLowerCase() === name.toLowerCase());
  const resourceManager = withoutSlash(facts.resourceManager ?? known?.resourceManager ?? PUBLIC.resourceManager);
  // Clouds of one's own (Azure Stack) have an audience that is not the address; the others take their address.
  const audience = known === undefined ? facts.resourceManagerAudience : undefined;
  return {
    name: known?.name ?? name,
    authority: withoutSlash(facts.authority ?? known?.authority ?? PUBLIC.authority),
    resourceManager,
    resourceManagerScope: `${audience ?? resourceManager}/.default`,
    storageSuffix: facts.storageSuffix ?? known?.storageSuffix ?? PUBLIC.storageSuffix,
  };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
