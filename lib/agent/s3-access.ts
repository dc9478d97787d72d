import type { Dispatcher } from 'undici';
import { DeliveryError } from '../errors/delivery-error.ts';
import { createDirectReader, createDispatcher } from '../http/dispatcher.ts';
import type { ObjectStore } from '../model/stores/object-store.ts';
import { STORE_LIMITS } from '../model/stores/peer-limits.ts';
import {
  type AssumedRole,
  checkBucket,
  checkEndpoint,
  checkRegion,
  type S3Access,
  type S3Credential,
  secretsOf,
} from '../model/stores/s3-access.ts';
import { S3Store } from '../model/stores/s3.ts';
import type { Agent } from './agent.ts';
import type { Inputs } from './inputs.ts';
import { networkOf } from './network.ts';
import { oidcToken, type Voucher } from './oidc-token.ts';
import type { AwsConnection } from './service-connections.ts';

interface Surroundings {
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
}

/** Compatible stores that know no regions sign with this one. */
const USUAL_REGION = 'us-east-1';

/**
 * Opens the bucket of S3, or of a compatible store, that a task's inputs name (`s3Auth`, `awsConnection`, `accessKeyId`,
 * `secretAccessKey`, `sessionToken`, `container`, `region`, `s3Endpoint`, `pathStyle`).
 *
 * @throws DeliveryError `STORE_ADDRESS_INVALID`, `CONNECTION_MISSING`, `CONNECTION_INVALID`, `INPUT_MISSING`, `INPUT_INVALID`
 */
export async function openS3Store(agent: Agent): Promise<ObjectStore> {
  const network = networkOf(agent);
  const dispatcher = createDispatcher(network, process.env, STORE_LIMITS);
  const surroundings = { dispatcher, signal: agent.signal };
  const access = s3Access(agent, surroundings);
  for (const secret of secretsOf(access.credential)) agent.hide(secret);
  return S3Store.open(access, { ...surroundings, direct: createDirectReader(network, process.env, STORE_LIMITS) });
}

function s3Access(agent: Agent, surroundings: Surroundings): S3Access {
  const { inputs } = agent;
  const auth = inputs.choice('s3Auth', ['serviceConnection', 'keys', 'anonymous']);
  const address = inputs.optionalText('s3Endpoint');
  const bucket = checkBucket(inputs.text('container'));
  const endpoint = address === undefined ? undefined : checkEndpoint(address);
  const pathStyle = inputs.flag('pathStyle');
  const connection = auth === 'serviceConnection' ? agent.connections.aws(inputs.text('awsConnection')) : undefined;
  const known = connection?.region ?? (endpoint === undefined ? undefined : USUAL_REGION);
  const region = checkRegion(inputs.optionalText('region') ?? known ?? inputs.text('region'));
  const credential =
    connection === undefined ? credentialGiven(inputs, auth) : credentialOf(connection, agent, surroundings);
  return { bucket, endpoint, pathStyle, region, credential };
}

function credentialGiven(inputs: Inputs, auth: 'serviceConnection' | 'keys' | 'anonymous'): S3Credential {
  if (auth === 'anonymous') return { kind: 'anonymous' };
  return {
    kind: 'keys',
    accessKeyId: inputs.text('accessKeyId'),
    secretAccessKey: inputs.text('secretAccessKey'),
    sessionToken: inputs.optionalText('sessionToken'),
  };
}

function credentialOf(connection: AwsConnection, agent: Agent, { dispatcher, signal }: Surroundings): S3Credential {
  if (connection.kind === 'keys') return connection.keys;
  const { role } = connection;
  const by: AssumedRole['by'] =
    connection.kind === 'keysOfRole'
      ? connection.keys
      : { kind: 'webIdentity', token: () => oidcToken(voucherOf(connection, agent), dispatcher, signal) };
  const sessionName = role.sessionName ?? sessionNameOf(agent);
  return { ...role, kind: 'role', sessionName, by, hide: (secret) => agent.hide(secret) };
}

function voucherOf({ id, accessToken }: AwsConnection & { readonly kind: 'oidc' }, agent: Agent): Voucher {
  const requestUri = agent.variable('System.OidcRequestUri');
  if (requestUri !== undefined) return { requestUri, accessToken, connection: id };
  throw new DeliveryError('AZURE_VOUCHER_REFUSED', {
    message: 'The agent does not say where Azure Pipelines vouches for service connections (SYSTEM_OIDCREQUESTURI).',
    remedy: 'Update the agent, and run this task in a job on an agent, not on the server.',
  });
}

/** Leads from an entry in CloudTrail to the run; at most 64 letters, digits and some signs. */
function sessionNameOf(agent: Agent): string {
  return `azure-pipelines-${agent.variable('Build.BuildId') ?? 'run'}`.replace(/[^\w+=,.@-]/g, '-').slice(0, 64);
}
