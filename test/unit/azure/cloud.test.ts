import assert from 'node:assert/strict';
import { cloudOf } from '../../../lib/azure/cloud.ts';

const NOTHING = {
  environment: undefined,
  resourceManager: undefined,
  authority: undefined,
  resourceManagerAudience: undefined,
  storageSuffix: undefined,
};

describe('the cloud of a service connection', () => {
  it('is the public one, where nothing is said', () => {
    assert.deepEqual(cloudOf(NOTHING), {
      name: 'AzureCloud',
      authority: 'https://login.microsoftonline.com',
      resourceManager: 'https://management.azure.com',
      resourceManagerScope: 'https://management.azure.com/.default',
      storageSuffix: 'core.windows.net',
    });
  });

  it('is known by its name, whatever the case', () => {
    const government = cloudOf({ ...NOTHING, environment: 'azureusgovernment' });
    assert.equal(government.authority, 'https://login.microsoftonline.us');
    assert.equal(government.storageSuffix, 'core.usgovcloudapi.net');
    const china = cloudOf({ ...NOTHING, environment: 'AzureChinaCloud' });
    assert.equal(china.resourceManagerScope, 'https://management.chinacloudapi.cn/.default');
  });

  it('is what the connection says before what is known, without slashes at the ends', () => {
    const cloud = cloudOf({
      environment: 'AzureStack',
      resourceManager: 'https://management.local.shop.example/',
      authority: 'https://login.shop.example/adfs/',
      resourceManagerAudience: 'https://management.shop.example/12ab',
      storageSuffix: 'local.shop.example',
    });
    assert.deepEqual(cloud, {
      name: 'AzureStack',
      authority: 'https://login.shop.example/adfs',
      resourceManager: 'https://management.local.shop.example',
      resourceManagerScope: 'https://management.shop.example/12ab/.default',
      storageSuffix: 'local.shop.example',
    });
  });

  it('that is well known has its address for an audience, not the old one that connections carry', () => {
    const cloud = cloudOf({ ...NOTHING, resourceManagerAudience: 'https://management.core.windows.net/' });
    assert.equal(cloud.resourceManagerScope, 'https://management.azure.com/.default');
  });
});
