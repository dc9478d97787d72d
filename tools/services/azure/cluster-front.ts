// The API server of an AKS cluster: who may come in is decided here, for the real API server behind it knows nothing of Entra. Who
// comes in goes on under their own name (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation),
// so that what they may do there is decided by the real one.
import type { KeyObject } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders, RequestListener, ServerResponse } from 'node:http';
import { Agent, request as send } from 'node:https';
import { pipeline } from 'node:stream';
import { json } from 'node:stream/consumers';
import { TLSSocket } from 'node:tls';
import { readKubeconfig } from '../../../lib/kube/kubeconfig.ts';
import type { Stoppable } from '../throwaway.ts';
import { bearerOf, serve } from './calls.ts';
import { certifyClient, certifyLoopback, makeAuthority } from './certificates.ts';
import { type Directory, localAccount, type ManagedCluster } from './directory.ts';
import { issuerOf } from './entra.ts';
import { readToken, seconds } from './json-web-token.ts';
import { AKS_SERVER } from './managed-clusters.ts';

/** A running cluster of AKS. */
export interface AksCluster extends Stoppable {
  /** As it was made; what it is now, the directory says. */
  readonly description: ManagedCluster;
  /** Tokens of Entra with which it was asked, each once. */
  readonly tokens: ReadonlySet<string>;
  /** How many requests it has turned away. */
  readonly refusals: number;
  /** From now on it takes none of the tokens that it has seen. */
  revokeTokens(): void;
}

/** What a cluster needs of the stand-in that it belongs to. */
export interface ClusterSurroundings {
  readonly directory: () => Directory;
  /** By which Entra signs. */
  readonly entraKey: KeyObject;
}

/** Somebody whom the cluster knows. */
interface Caller {
  readonly user: string;
  readonly groups: readonly string[];
}

/**
 * Starts a door to a cluster that runs already.
 *
 * @param kubeconfig of that cluster's administrator
 */
export async function startAksCluster(
  kubeconfig: string,
  { directory, entraKey }: ClusterSurroundings,
): Promise<AksCluster> {
  const authority = await makeAuthority('shop-aks');
  const [server, user, admin] = await Promise.all([
    certifyLoopback(authority),
    certifyClient(authority, { name: 'clusterUser', group: 'system:masters' }),
    certifyClient(authority, { name: 'masterclient', group: 'system:masters' }),
  ]);
  const [tokens, revoked] = [new Set<string>(), new Set<string>()];
  let refusals = 0;
  const behind = upstreamOf(kubeconfig);
  const door = await serve(
    (request, response) => {
      const caller = callerOf(request);
      if (caller === undefined) {
        refusals++;
        request.resume();
        respond(response, 401, UNAUTHORIZED);
      } else {
        behind.forward(caller, currentOf(directory()).azureRbac)(request, response);
      }
    },
    server,
    { clientAuthority: authority.certificate },
  );
  const description: ManagedCluster = {
    name: 'shop-aks',
    resourceGroup: 'shop',
    subscriptionId: directory().subscriptionId,
    tenantId: directory().tenantId,
    server: door.origin,
    publicServer: undefined,
    authority: authority.certificate,
    user: localAccount(user),
    admin: localAccount(admin),
    entra: true,
    azureRbac: false,
    localAccounts: true,
    isRunning: true,
    isPrivate: false,
    authorizedIpRanges: [],
  };
  const currentOf = ({ managedClusters }: Directory): ManagedCluster =>
    managedClusters.find(({ admin: { token } }) => token === description.admin.token) ?? description;

  function callerOf(request: IncomingMessage): Caller | undefined {
    const { socket } = request;
    if (socket instanceof TLSSocket && socket.authorized) {
      const { CN, O } = socket.getPeerCertificate().subject;
      return { user: String(CN), groups: [String(O)] };
    }
    const token = bearerOf(request.headers) ?? '';
    const { entra, localAccounts } = currentOf(directory());
    if (localAccounts && token === description.user.token) return { user: 'clusterUser', groups: ['system:masters'] };
    if (localAccounts && token === description.admin.token) return { user: 'masterclient', groups: ['system:masters'] };
    if (!entra || token === '') return undefined;
    tokens.add(token);
    return revoked.has(token) ? undefined : holderOf(token);
  }

  /** Who holds a token of Entra; undefined where it is not meant for AKS, or not, or no longer, good. */
  function holderOf(token: string): Caller | undefined {
    const read = readToken(token);
    if (read?.signedBy(entraKey) !== true) return undefined;
    const { aud, iss, exp, oid } = read.claims;
    const { tenantId } = currentOf(directory());
    const isGood = aud === AKS_SERVER && iss === issuerOf(tenantId) && Number(exp) > seconds();
    return isGood ? { user: String(oid), groups: [] } : undefined;
  }

  return {
    description,
    tokens,
    get refusals() {
      return refusals;
    },
    revokeTokens: () => tokens.forEach((token) => revoked.add(token)),
    stop: async () => {
      behind.close();
      await door.stop();
    },
  };
}

/** The real API server. */
function upstreamOf(kubeconfig: string): {
  readonly forward: (caller: Caller, azureRbac: boolean) => RequestListener;
  readonly close: () => void;
} {
  const { server, ca, credential, insecureSkipTlsVerify } = readKubeconfig(kubeconfig);
  const { token, certificate } = credential;
  const tls = { ...(ca === undefined ? {} : { ca }), ...certificate, rejectUnauthorized: !insecureSkipTlsVerify };
  const agent = new Agent({ ...tls, keepAlive: true });
  const forward =
    (caller: Caller, azureRbac: boolean): RequestListener =>
    (request, response) => {
      const headers = {
        ...ownHeaders(request),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        'impersonate-user': caller.user,
        'impersonate-group': [...caller.groups, 'system:authenticated'],
      };
      const { method, url = '' } = request;
      const onward = send(`${server}${url}`, { method, headers, agent }, (answer) => {
        if (azureRbac && answer.statusCode === 403) void respondAsAzure(answer, response);
        else {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          pipeline(answer, response, () => undefined);
        }
      });
      onward.on('error', () => response.destroy());
      response.on('close', () => onward.destroy());
      pipeline(request, onward, () => undefined);
    };
  return { forward, close: () => agent.destroy() };
}

/** The headers of a request without those that say who sends it. */
function ownHeaders({ headers }: IncomingMessage): OutgoingHttpHeaders {
  const own = Object.entries(headers).filter(([name]) => !/^(?:authorization|host|impersonate-.*)$/.test(name));
  return Object.fromEntries(own);
}

/** Where Azure's roles are asked as well, a refusal says that they do not allow it either. */
async function respondAsAzure(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  const status = (await json(answer)) as { readonly message: string };
  const reason = 'User does not have access to the resource in Azure. Update role assignment to allow access.';
  respond(response, 403, { ...status, message: `${status.message}: ${reason}` });
}

const UNAUTHORIZED = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: 'Unauthorized',
  reason: 'Unauthorized',
  code: 401,
};

function respond(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
