import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { parseRepositoryName } from '../../../lib/oci/image-name.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import { connectionId } from '../../../tools/agent/endpoint-environment.ts';
import { certifyLoopback, makeAuthority, PROXIED_DOMAIN } from '../../../tools/services/azure/certificates.ts';
import { type S3Emulator, startS3Emulator } from '../../../tools/services/s3/emulator.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { pushBaseImage } from '../../support/base-images.ts';
import { ConnectProxy } from '../../support/connect-proxy.ts';
import { contentOf, TestFolder } from '../../support/model-folder.ts';
import {
  type Connection,
  type NodeVersion,
  runTaskProcess,
  succeeded,
  type TaskProcessResult,
} from '../../support/packed-task.ts';
import { freshBucket, objectsIn, putObject, type S3Bucket } from '../../support/s3-bucket.ts';

type Values = Readonly<Record<string, string>>;

const ROLE = 'arn:aws:iam::123456789012:role/models';
const RUN_TOKEN = 'the-token-of-this-run';
const SECRET_NAMES = ['secretAccessKey', 'sessionToken'];

/** A way in: what the pipeline's author writes, and the connections that the project has. */
interface Access {
  readonly inputs: Values;
  readonly connections?: readonly Connection[];
  /** What must never be seen. */
  readonly secrets: readonly string[];
}

describe('the model tasks on S3', function () {
  this.timeout(180_000);
  let bucket: S3Bucket;
  let folder: TestFolder;
  let pipelines: Server;
  const vouchedFor: string[] = [];

  before(() => {
    pipelines = vouchingPipelines(() => bucket, vouchedFor).listen(0, '127.0.0.1');
  });
  after(() => pipelines.close());
  beforeEach(async () => {
    bucket = await freshBucket();
    folder = new TestFolder();
  });
  afterEach(() => folder.remove());

  const address = (): Values => {
    const { endpoint, region } = bucket.emulator;
    return { store: 's3', s3Endpoint: endpoint, region, bucket: bucket.name };
  };
  const connection = (scheme: string, parameters: Values): Connection => ({
    name: 'aws',
    type: 'AWS',
    url: 'https://aws.amazon.com/',
    authorization: { scheme, parameters },
  });
  const byConnection = (scheme: string, parameters: Values, secrets: readonly string[]): Access => ({
    inputs: { ...address(), awsConnection: 'aws' },
    connections: [connection(scheme, parameters)],
    secrets,
  });
  const accesses: Readonly<Record<string, () => Access>> = {
    'keys of a connection': () => {
      const { accessKeyId, secretAccessKey } = bucket.emulator.keys;
      return byConnection('UsernamePassword', { username: accessKeyId, password: secretAccessKey }, [secretAccessKey]);
    },
    'a session of a connection': () => {
      const { accessKeyId, secretAccessKey, sessionToken } = bucket.emulator.callers.addSession(600);
      const parameters = { username: accessKeyId, password: secretAccessKey, sessionToken };
      return byConnection('UsernamePassword', parameters, [secretAccessKey, sessionToken]);
    },
    'a role that a connection assumes': () => {
      const { accessKeyId, secretAccessKey } = bucket.emulator.keys;
      bucket.emulator.tokenService.addRole({ arn: ROLE, externalId: 'agreed-upon', sessionSeconds: 3 });
      const role = { assumeRoleArn: ROLE, externalId: 'agreed-upon', roleSessionName: 'training' };
      const parameters = { username: accessKeyId, password: secretAccessKey, ...role };
      return byConnection('UsernamePassword', parameters, [secretAccessKey, 'agreed-upon']);
    },
    'a role that trusts Azure Pipelines': () => {
      bucket.emulator.tokenService.addRole({ arn: `${ROLE}-oidc`, byToken: true, sessionSeconds: 3 });
      return byConnection('None', { role: `${ROLE}-oidc` }, [RUN_TOKEN]);
    },
    'keys of secret variables': () => {
      const { accessKeyId, secretAccessKey, sessionToken } = bucket.emulator.callers.addSession(600);
      const inputs = { ...address(), s3Auth: 'keys', accessKeyId, secretAccessKey, sessionToken };
      return { inputs, secrets: [secretAccessKey, sessionToken] };
    },
  };

  /** Runs a task with its secrets in secret variables, as pipelines have them. */
  const run = (
    task: string,
    { inputs, connections = [] }: Access,
    rest: Values,
    { node = '24', variables = {} }: { readonly node?: NodeVersion; readonly variables?: Values } = {},
  ): Promise<TaskProcessResult> => {
    const all = { ...inputs, ...rest };
    const secret = Object.entries(all).filter(([name]) => SECRET_NAMES.includes(name));
    const planted = Object.fromEntries(
      secret.map(([name, value]) => [`${name}Secret`, { value, secret: true as const }]),
    );
    return runTaskProcess({
      task,
      inputs: all,
      connections,
      node,
      variables: {
        ...planted,
        AWS_ENDPOINT_URL_STS: bucket.emulator.endpoint,
        // What the agent gives every task of a run.
        'System.OidcRequestUri': `http://127.0.0.1:${(pipelines.address() as AddressInfo).port}/oidctoken`,
        ENDPOINT_AUTH_SYSTEMVSSCONNECTION: JSON.stringify({ scheme: 'OAuth', parameters: { AccessToken: RUN_TOKEN } }),
        'System.AccessToken': { value: RUN_TOKEN, secret: true },
        'System.Debug': 'true',
        ...variables,
      },
    });
  };

  for (const [name, access] of Object.entries(accesses)) {
    for (const node of ['24', '20'] as const) {
      it(`publish and fetch by ${name} on Node ${node}, and show no secret`, async () => {
        const given = access();
        const source = folder.write('m', { 'model.pkl': 'weights', 'meta/labels.txt': '0 1' });
        const destination = folder.at('out/model');
        const published = succeeded(
          await run('PublishModel', given, { model: 'digits', source, version: '1' }, { node }),
        );
        const fetched = succeeded(await run('FetchLatestModel', given, { model: 'digits', destination }, { node }));
        assert.equal(fetched.outputs.modelDigest, published.outputs.modelDigest);
        assert.equal(fetched.outputs.modelUri, `${bucket.emulator.endpoint}/${bucket.name}/models/digits/versions/1`);
        assert.deepEqual(contentOf(destination), { 'model.pkl': 'weights', 'meta/labels.txt': '0 1' });
        assert.equal((await objectsIn(bucket)).length, 4);
        for (const { log } of [published, fetched]) {
          for (const secret of given.secrets) assert.ok(!log.includes(secret), `${secret} in\n${log}`);
          assert.doesNotMatch(log, /NodeVersionSupportWarning|oidc\.[\w-]{20}/);
        }
      });
    }
  }

  it('name the service connection for which Azure Pipelines vouches', async () => {
    vouchedFor.length = 0;
    const given = accesses['a role that trusts Azure Pipelines']?.() ?? assert.fail();
    const source = folder.write('m', { 'model.pkl': 'weights' });
    succeeded(await run('PublishModel', given, { model: 'digits', source, version: '1' }));
    assert.deepEqual([...new Set(vouchedFor)], [connectionId('aws')]);
    const { log } = await run(
      'PublishModel',
      given,
      { model: 'digits', source },
      { variables: { 'System.OidcRequestUri': '' } },
    );
    assert.match(log, /AZURE_VOUCHER_REFUSED: The agent does not say where/);
  });

  it('fetch from a bucket that is open to everyone', async () => {
    const name = `${bucket.name}-open`;
    bucket.emulator.createBucket(name, { public: true });
    await putObject({ ...bucket, name }, 'prod/model.onnx', 'weights');
    const open = { inputs: { ...address(), bucket: name, s3Auth: 'anonymous' }, secrets: [] };
    const destination = folder.at('out/model');
    const plain = { layout: 'plain', blobs: 'prod/*.onnx', destination };
    const { outputs } = succeeded(await run('FetchLatestModel', open, plain));
    assert.deepEqual(contentOf(destination), { 'model.onnx': 'weights' });
    assert.equal(outputs.modelName, name);
    const { log, result } = await run(
      'FetchLatestModel',
      { ...open, inputs: { ...open.inputs, bucket: bucket.name } },
      plain,
    );
    assert.equal(result, 'Failed');
    assert.match(
      log,
      /STORE_UNAUTHORIZED: The bucket \S+ is not open to everyone\. Choose another s3Auth than anonymous\./,
    );
  });

  it('bundle a model from the bucket into an image, by its digests alone where the registry has it', async () => {
    const { host } = (await ensureServices(['registry'])).registry;
    const dispatcher = createDispatcher();
    const repository = (name: string): Repository =>
      new Repository(
        new RegistryClient({ registry: host, dispatcher }),
        { registry: host, repository: name },
        'pull,push',
      );
    const base = `s3/${randomUUID()}/base`;
    await pushBaseImage(repository(base), '1', { config: { config: { Env: ['PATH=/bin'] } } });
    const given = accesses['keys of a connection']?.() ?? assert.fail();
    const source = folder.write('m', { 'model.pkl': 'weights' });
    const published = succeeded(await run('PublishModel', given, { model: 'digits', source, version: '1' }));
    const target = `${host}/s3/${randomUUID()}`;
    const inputs = {
      modelSource: 'store',
      model: 'digits',
      repository: target,
      tags: 'latest',
      baseImage: `${host}/${base}:1`,
    };
    for (const node of ['24', '20'] as const) {
      const { outputs } = succeeded(await run('BundleModelImage', given, inputs, { node }));
      assert.equal(outputs.modelDigest, published.outputs.modelDigest);
      assert.ok(
        await repository(parseRepositoryName(target).repository).digestOfTag('latest', new AbortController().signal),
      );
    }
    await dispatcher.destroy();
  });

  it('of many that publish one version at once, one wins and the others say so', async () => {
    const given = accesses['keys of a connection']?.() ?? assert.fail();
    const runs = await Promise.all(
      [1, 2, 3, 4].map((racer) => {
        const source = folder.write(`m${racer}`, { 'model.pkl': `by ${racer}` });
        return run('PublishModel', given, { model: 'digits', source, version: '1' });
      }),
    );
    assert.equal(runs.filter(({ result }) => result === 'Succeeded').length, 1);
    for (const { result, log } of runs) if (result === 'Failed') assert.match(log, /VERSION_EXISTS: /);
    assert.equal((await objectsIn(bucket)).filter((name) => name.includes('/files/')).length, 1);
  });

  describe('over TLS', () => {
    let emulator: S3Emulator;
    let authority: string;

    before(async () => {
      const issuer = await makeAuthority("the company's own authority");
      authority = issuer.certificate;
      emulator = await startS3Emulator({ certified: await certifyLoopback(issuer) });
    });
    after(() => emulator.stop());
    beforeEach(async () => {
      bucket = await freshBucket(emulator);
    });

    const trusting = (): Values => ({
      'Agent.CAInfo': join(folder.write('trusted', { 'ca.pem': authority }), 'ca.pem'),
    });
    const publishAndFetch = async (given: Access, inputs: Values, variables: Values): Promise<void> => {
      const source = folder.write('m', { 'model.pkl': 'weights' });
      const destination = folder.at('out/model');
      succeeded(await run('PublishModel', given, { model: 'digits', source, version: '1', ...inputs }, { variables }));
      succeeded(await run('FetchLatestModel', given, { model: 'digits', destination, ...inputs }, { variables }));
      assert.deepEqual(contentOf(destination), { 'model.pkl': 'weights' });
    };

    it("trust the agent's own authorities, and tell what they do not trust", async () => {
      const given = accesses['keys of a connection']?.() ?? assert.fail();
      await publishAndFetch(given, {}, trusting());
      const { result, issues, log } = await run('FetchLatestModel', given, {
        model: 'digits',
        destination: folder.at('out'),
      });
      assert.equal(result, 'Failed', log);
      assert.equal(issues.length, 1, log);
      assert.match(issues[0]?.message ?? '', /^STORE_UNREACHABLE: .*certificate/);
    });

    it("go through the agent's proxy to the token service and to the bucket", async () => {
      const proxy = await ConnectProxy.start({ username: 'agent', password: 'p@ss/word' });
      const { port } = new URL(emulator.endpoint);
      const [store, tokens] = ['models', 'sts'].map((name) => `${name}.${PROXIED_DOMAIN}:${port}`);
      const variables = {
        ...trusting(),
        'Agent.ProxyUrl': proxy.origin,
        'Agent.ProxyUsername': 'agent',
        'Agent.ProxyPassword': 'p@ss/word',
        'Agent.ProxyBypassList': '[]',
        AWS_ENDPOINT_URL_STS: `https://${tokens ?? ''}`,
      };
      try {
        const given = accesses['a role that a connection assumes']?.() ?? assert.fail();
        await publishAndFetch(given, { s3Endpoint: `https://${store ?? ''}` }, variables);
        assert.deepEqual([...new Set(proxy.targets)].sort(), [store, tokens]);
      } finally {
        await proxy.stop();
      }
    });
  });

  it('end with one error that names the thing and the remedy', async () => {
    const given = accesses['keys of a connection']?.() ?? assert.fail();
    const fetch = (inputs: Values, access = given): Promise<TaskProcessResult> =>
      run('FetchLatestModel', access, { model: 'digits', destination: folder.at('out'), ...inputs });
    const cases: readonly (readonly [RegExp, Promise<TaskProcessResult>])[] = [
      [/^MODEL_NOT_FOUND: There is no model digits/, fetch({})],
      [/^CONTAINER_NOT_FOUND: There is no bucket nowhere/, fetch({ bucket: 'nowhere' })],
      [/^STORE_ADDRESS_INVALID: "s3:\/\/models" cannot be the name of a bucket/, fetch({ bucket: 's3://models' })],
      [/^STORE_ADDRESS_INVALID: .*not the address of an S3 endpoint/, fetch({ s3Endpoint: 'minio.example.com' })],
      [/^STORE_ADDRESS_INVALID: .*in eu-central-1\. Set region to eu-central-1/, fetch({ region: 'us-east-1' })],
      [/^INPUT_MISSING: The input region/, fetch({ region: '', s3Endpoint: '' })],
      [/^INPUT_MISSING: .*secretAccessKey/, fetch({ s3Auth: 'keys', accessKeyId: 'AKIA' })],
      [/^CONNECTION_INVALID: .*has no password/, fetch({}, byConnection('UsernamePassword', { username: 'AKIA' }, []))],
      [/^CONNECTION_INVALID: .*of the kind token/, fetch({}, byConnection('Token', {}, []))],
      [
        /^ROLE_NOT_ASSUMED: The role arn:aws:iam::123456789012:role\/other could not be assumed/,
        fetch({}, byConnection('None', { role: 'arn:aws:iam::123456789012:role/other' }, [])),
      ],
    ];
    for (const [expected, running] of cases) {
      const { result, issues, log } = await running;
      assert.equal(result, 'Failed', log);
      assert.equal(issues.length, 1, JSON.stringify(issues));
      assert.match(issues[0]?.message ?? '', expected);
    }
  });
});

/**
 * Azure Pipelines, where it vouches for service connections (https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create),
 * with tokens that the emulator's roles trust.
 */
function vouchingPipelines(bucket: () => S3Bucket, vouchedFor: string[]): Server {
  return createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    const known = request.headers.authorization === `Bearer ${RUN_TOKEN}`;
    const asked = request.method === 'POST' && url.searchParams.get('api-version') === '7.1';
    if (!known || !asked) return void response.writeHead(known ? 400 : 401).end();
    vouchedFor.push(url.searchParams.get('serviceConnectionId') ?? '');
    const oidcToken = bucket().emulator.tokenService.issueToken();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ oidcToken }));
  });
}
