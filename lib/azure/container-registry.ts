import { DeliveryError } from '../errors/delivery-error.ts';
import type { AzureSession } from './session.ts';

/** Scope of tokens for Azure Container Registry: the same in every cloud. */
export const REGISTRY_SCOPE = 'https://containerregistry.azure.net/.default';

/** What follows a registry's name in its address, and the cloud where that is so. */
const CLOUDS: Readonly<Record<string, string>> = {
  'azurecr.io': 'AzureCloud',
  'azurecr.us': 'AzureUSGovernment',
  'azurecr.cn': 'AzureChinaCloud',
};

/** The cloud of a registry by its address; undefined where it is no address of Azure Container Registry. */
export function cloudOfRegistry(host: string): string | undefined {
  return Object.entries(CLOUDS).find(([suffix]) => host.toLowerCase().endsWith(`.${suffix}`))?.[1];
}

/** The address of a registry of a cloud by its mere name. */
export function registryAddress(name: string, cloud: string): string {
  const [suffix = 'azurecr.io'] = Object.entries(CLOUDS).find(([, its]) => its === cloud) ?? [];
  return `${name}.${suffix}`;
}

/**
 * Tokens of an identity for Azure Container Registry. Tenants to which registries are unknown by their own name have those for
 * Azure Resource Manager, which registries take, too, unless their policy is against it.
 *
 * @returns what gives a token; it throws what signing in throws
 */
export function registryTokens(session: AzureSession): (refused?: string) => Promise<string> {
  let scope = REGISTRY_SCOPE;
  return async (refused) => {
    try {
      return await session.tokensFor(scope).token(refused);
    } catch (error) {
      if (scope !== REGISTRY_SCOPE || !(error instanceof DeliveryError) || error.code !== 'AZURE_RESOURCE_UNKNOWN')
        throw error;
      scope = session.connection.cloud.resourceManagerScope;
      return session.tokensFor(scope).token(refused);
    }
  };
}
