import assert from 'node:assert/strict';
import { type RegistryConnection, ServiceConnections } from '../../../lib/agent/service-connections.ts';

interface Endpoint {
  readonly url?: string;
  readonly scheme?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly data?: Readonly<Record<string, string>>;
}

/** The connections of a run in which only `shop` is given. */
function connections(shop: Endpoint): ServiceConnections {
  const of = (id: string): Endpoint => (id === 'shop' ? shop : {});
  return new ServiceConnections({
    url: (id) => of(id).url,
    scheme: (id) => of(id).scheme,
    parameter: (id, key) => of(id).parameters?.[key],
    data: (id, key) => of(id).data?.[key],
  });
}
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('service connections', () => {
  it('to a registry give its host as images name it', () => {
    const registry = { registry: 'https://shop.example.com/v1/', username: 'u', password: 'p' };
    const found = connections({ scheme: 'UsernamePassword', parameters: registry }).registry('shop');
    assert.deepEqual(found, { kind: 'password', host: 'shop.example.com', username: 'u', password: 'p' });
  });

  it('to a registry may hold a token, alone or in the place of a password', () => {
    const parameters = { apitoken: 't' };
    const endpoint = { url: 'https://shop.example.com/', scheme: 'Token' };
    assert.deepEqual(connections({ ...endpoint, parameters }).registry('shop'), {
      kind: 'token',
      host: 'shop.example.com',
      token: 't',
    });
    assert.deepEqual(connections({ ...endpoint, parameters: { ...parameters, username: 'u' } }).registry('shop'), {
      kind: 'password',
      host: 'shop.example.com',
      username: 'u',
      password: 't',
    });
  });

  it('to an Azure Container Registry carry an identity of any scheme, and the cloud by its address', () => {
    const parameters = { loginServer: 'Shop.azurecr.us', tenantId: 't1', servicePrincipalId: 'c1' };
    const small = Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key.toLowerCase(), value]));
    const read = (scheme: string, more: Readonly<Record<string, string>> = {}): RegistryConnection =>
      connections({
        url: 'https://Shop.azurecr.us',
        scheme,
        data: { registrytype: 'ACR' },
        parameters: { ...small, ...parameters, ...more },
      }).registry('shop');
    const connection = read('ServicePrincipal', { serviceprincipalkey: 's' });
    assert.ok(connection.kind === 'azure');
    assert.deepEqual(connection.azure.identity, { kind: 'secret', tenantId: 't1', clientId: 'c1', secret: 's' });
    assert.equal(connection.azure.cloud.authority, 'https://login.microsoftonline.us');
    assert.equal(connection.azure.cloud.resourceManager, 'https://management.usgovcloudapi.net');
    const managed = read('ManagedServiceIdentity');
    assert.ok(managed.kind === 'azure' && managed.azure.identity.kind === 'managed');
  });

  it('to Docker Hub are known by its old index address', () => {
    const registry = { registry: 'https://index.docker.io/v1/', username: 'u', password: 'p' };
    assert.equal(connections({ scheme: 'usernamepassword', parameters: registry }).registry('shop').host, 'docker.io');
  });

  it('to Kubernetes carry a kubeconfig and perhaps a context', () => {
    const found = connections({
      scheme: 'Kubernetes',
      parameters: { kubeconfig: 'apiVersion: v1', clusterContext: '' },
      data: { authorizationType: 'Kubeconfig' },
    }).kubernetes('shop');
    assert.deepEqual(found, { kind: 'kubeconfig', kubeconfig: 'apiVersion: v1', context: undefined });
  });

  it('to Kubernetes carry a service account, its parts in base64', () => {
    const found = connections({
      url: 'https://10.0.0.1',
      scheme: 'Token',
      parameters: { apiToken: base64('tok'), serviceAccountCertificate: base64('cert') },
      data: { authorizationType: 'ServiceAccount', acceptUntrustedCerts: 'False' },
    }).kubernetes('shop');
    assert.deepEqual(found, {
      kind: 'serviceAccount',
      server: 'https://10.0.0.1',
      token: 'tok',
      caCertificate: 'cert',
      acceptUntrustedCerts: false,
      namespace: undefined,
    });
  });

  it('to Kubernetes that Azure DevOps made for a namespace name it', () => {
    const found = connections({
      url: 'https://10.0.0.1',
      scheme: 'Kubernetes',
      parameters: { apiToken: base64('tok'), serviceAccountCertificate: base64('cert') },
      data: { authorizationType: 'AzureSubscription', namespace: 'shop' },
    }).kubernetes('shop');
    assert.equal(found.kind === 'serviceAccount' && found.namespace, 'shop');
  });

  it('to Kubernetes that a script made may hold token and certificate as they are', () => {
    const token = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzaG9wIn0.c2lnbmF0dXJl';
    const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    const found = connections({
      url: 'https://10.0.0.1',
      scheme: 'Token',
      parameters: { apiToken: token, serviceAccountCertificate: certificate },
      data: { authorizationType: 'ServiceAccount', acceptUntrustedCerts: 'True' },
    }).kubernetes('shop');
    assert.deepEqual(found, {
      kind: 'serviceAccount',
      server: 'https://10.0.0.1',
      token,
      caCertificate: certificate,
      acceptUntrustedCerts: true,
      namespace: undefined,
    });
  });

  it('to AWS carry keys, a role that they assume, or a role that trusts Azure Pipelines', () => {
    const parameters = { username: 'AKIA', password: 'secret', sessionToken: '' };
    const keys = { kind: 'keys', accessKeyId: 'AKIA', secretAccessKey: 'secret', sessionToken: undefined };
    const scheme = 'UsernamePassword';
    assert.deepEqual(connections({ scheme, parameters: { ...parameters, region: 'eu-west-1' } }).aws('shop'), {
      kind: 'keys',
      region: 'eu-west-1',
      keys,
    });
    const role = { assumeRoleArn: 'arn:aws:iam::1:role/models', externalId: 'agreed' };
    assert.deepEqual(connections({ scheme, parameters: { ...parameters, ...role } }).aws('shop'), {
      kind: 'keysOfRole',
      region: undefined,
      keys,
      role: { arn: role.assumeRoleArn, externalId: 'agreed', sessionName: undefined },
    });
    assert.throws(() => connections({ scheme: 'None', parameters: { role: 'r' } }).aws('shop'), {
      code: 'CONNECTION_INVALID',
      message: /ACCESSTOKEN/,
    });
  });

  it('to Azure carry an identity of any scheme, whatever its case, and the cloud', () => {
    const names = { tenantid: 't1', serviceprincipalid: 'c1' };
    const identityOf = (endpoint: Endpoint): unknown => connections(endpoint).azure('shop').identity;
    assert.deepEqual(
      identityOf({
        scheme: 'serviceprincipal',
        parameters: { ...names, authenticationType: 'spnKey', serviceprincipalkey: 's' },
      }),
      { kind: 'secret', tenantId: 't1', clientId: 'c1', secret: 's' },
    );
    assert.deepEqual(
      identityOf({
        scheme: 'ServicePrincipal',
        parameters: { ...names, authenticationType: 'spnCertificate', servicePrincipalCertificate: 'pem' },
      }),
      { kind: 'certificate', tenantId: 't1', clientId: 'c1', pem: 'pem' },
    );
    assert.deepEqual(identityOf({ scheme: 'ManagedServiceIdentity', data: { msiclientId: 'm1' } }), {
      kind: 'managed',
      clientId: 'm1',
    });
    const { cloud, subscriptionId } = connections({
      url: 'https://management.usgovcloudapi.net/',
      scheme: 'ManagedServiceIdentity',
      data: { environment: 'AzureUSGovernment', subscriptionid: 's1' },
    }).azure('shop');
    assert.equal(subscriptionId, 's1');
    assert.equal(cloud.storageSuffix, 'core.usgovcloudapi.net');
  });

  it('to Azure by federation need the run to be known to Azure Pipelines', () => {
    const parameters = { tenantid: 't1', serviceprincipalid: 'c1' };
    assert.throws(() => connections({ scheme: 'WorkloadIdentityFederation', parameters }).azure('shop'), {
      code: 'CONNECTION_INVALID',
      message: /SYSTEMVSSCONNECTION/,
    });
    assert.throws(() => connections({ scheme: 'PublishProfile' }).azure('shop'), {
      code: 'CONNECTION_INVALID',
      message: /publishprofile/,
    });
  });

  it('that the agent did not give are missed by name, with where to look', () => {
    assert.throws(() => connections({}).registry('other'), { code: 'CONNECTION_MISSING', message: /"other"/ });
  });

  it('that lack a field name the field', () => {
    const half = connections({
      scheme: 'UsernamePassword',
      parameters: { registry: 'r', username: 'u', password: '' },
    });
    assert.throws(() => half.registry('shop'), { code: 'CONNECTION_INVALID', message: /password/ });
  });

  it('of a kind that an input does not take are refused', () => {
    const other = connections({ scheme: 'Certificate', data: { authorizationType: 'Magic' } });
    assert.throws(() => other.registry('shop'), { code: 'CONNECTION_INVALID', message: /certificate/ });
    assert.throws(() => other.kubernetes('shop'), { code: 'CONNECTION_INVALID', message: /magic/ });
  });
});
