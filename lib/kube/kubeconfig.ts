import { parse } from 'yaml';
import { DeliveryError } from '../errors/delivery-error.ts';
import type { ClusterAccess, ClusterCredential, Tokens } from './cluster-access.ts';
import { entraApplicationOf, isEntraLogin } from './entra-login.ts';
import type { AuthProvider, ExecPlugin } from './entra-login.ts';

/** The fields of a kubeconfig that are read, as kubernetes.io/docs/reference/config-api/kubeconfig.v1 names them. */
interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly contexts?: readonly Named<'context', ContextEntry>[];
  readonly clusters?: readonly Named<'cluster', ClusterEntry>[];
  readonly users?: readonly Named<'user', UserEntry>[];
}

type Named<Key extends string, Entry> = { readonly name?: string } & Readonly<Partial<Record<Key, Entry>>>;

interface ContextEntry {
  readonly cluster?: string;
  readonly user?: string;
  readonly namespace?: string;
}

interface ClusterEntry {
  readonly server?: string;
  readonly 'certificate-authority'?: string;
  readonly 'certificate-authority-data'?: string;
  readonly 'insecure-skip-tls-verify'?: boolean;
  readonly 'tls-server-name'?: string;
  readonly 'proxy-url'?: string;
}

interface UserEntry {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly 'client-certificate'?: string;
  readonly 'client-certificate-data'?: string;
  readonly 'client-key'?: string;
  readonly 'client-key-data'?: string;
  readonly exec?: ExecPlugin;
  readonly 'auth-provider'?: AuthProvider;
}

export interface KubeconfigOptions {
  /** The context to use; without it, the current one. */
  readonly context?: string | undefined;
  /** Who signs in to Microsoft Entra in the place of kubelogin. */
  readonly entra?: EntraSignIn;
}

/** Tokens of Microsoft Entra. */
export interface EntraSignIn {
  /** The application that they are for. */
  readonly application: string;
  readonly tokens: Tokens;
}

/**
 * Reads how to reach a cluster from the text of a kubeconfig.
 * @throws DeliveryError `KUBECONFIG_INVALID`, `KUBECONFIG_CONTEXT_NOT_FOUND` or `KUBECONFIG_UNSUPPORTED`
 */
export function readKubeconfig(text: string, { context, entra }: KubeconfigOptions = {}): ClusterAccess {
  const config = parsed(text);
  const wanted = context ?? config['current-context'];
  if (wanted === undefined || wanted === '') {
    throw invalid('has no current context', `Choose one of its contexts: ${namesOf(config.contexts)}.`);
  }
  const entry = find(config.contexts, wanted)?.context;
  if (entry === undefined) {
    throw new DeliveryError('KUBECONFIG_CONTEXT_NOT_FOUND', {
      message: `The kubeconfig has no context "${wanted}".`,
      remedy: `Choose one of: ${namesOf(config.contexts)}.`,
    });
  }
  const cluster = find(config.clusters, entry.cluster)?.cluster;
  if (cluster === undefined) throw missing(wanted, 'cluster', entry.cluster);
  const user = find(config.users, entry.user)?.user;
  // A context without a user is an anonymous one; a user that is named must be there.
  if (user === undefined && (entry.user ?? '') !== '') throw missing(wanted, 'user', entry.user);
  return {
    ...serverOf(cluster, entry.cluster ?? ''),
    namespace: entry.namespace === '' ? undefined : entry.namespace,
    credential: user === undefined ? {} : credentialOf(user, entry.user ?? '', entra),
  };
}

function parsed(text: string): Kubeconfig {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 100, logLevel: 'error' });
  } catch {
    // The parser quotes the line it stumbles over, and that could be the one with the token.
    throw invalid(
      'is not YAML',
      'Paste the whole file, for example the output of `kubectl config view --raw --flatten`.',
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('holds no settings', 'Paste the whole file, beginning with `apiVersion: v1`.');
  }
  const config = value as Kubeconfig;
  for (const list of ['contexts', 'clusters', 'users'] as const) {
    const entries: unknown = config[list] ?? [];
    if (!Array.isArray(entries) || entries.some((entry) => typeof entry !== 'object' || entry === null)) {
      throw invalid(
        `has a field ${list} that is no list of entries`,
        'Write it again with `kubectl config view --raw`.',
      );
    }
  }
  return config;
}

function serverOf(cluster: ClusterEntry, name: string): Omit<ClusterAccess, 'namespace' | 'credential'> {
  const server = cluster.server ?? '';
  if (!URL.canParse(server)) throw invalid(`gives cluster "${name}" the server "${server}"`, 'Give it a URL.');
  const proxyUrl = cluster['proxy-url'];
  if (proxyUrl !== undefined && !/^https?:\/\//.test(proxyUrl)) {
    throw unsupported(`cluster "${name}" is behind ${proxyUrl}, which is no http proxy`, 'Use an http or https proxy.');
  }
  refuseFile(cluster['certificate-authority'], cluster['certificate-authority-data'], 'certificate-authority', name);
  const ca = fromBase64(cluster['certificate-authority-data'], 'certificate-authority-data', name);
  return {
    server,
    ca,
    insecureSkipTlsVerify: cluster['insecure-skip-tls-verify'] === true,
    tlsServerName: cluster['tls-server-name'],
    proxyUrl,
  };
}

function credentialOf(user: UserEntry, name: string, entra: EntraSignIn | undefined): ClusterCredential {
  const program = user.exec?.command ?? user['auth-provider']?.name;
  if (program !== undefined) return { tokens: entraTokens(user, { name, program }, entra) };
  refuseFile(user['client-certificate'], user['client-certificate-data'], 'client-certificate', name);
  refuseFile(user['client-key'], user['client-key-data'], 'client-key', name);
  refuseFile(user.tokenFile, user.token, 'tokenFile', name, 'token');
  const cert = fromBase64(user['client-certificate-data'], 'client-certificate-data', name);
  const key = fromBase64(user['client-key-data'], 'client-key-data', name);
  if ((cert === undefined) !== (key === undefined)) {
    throw invalid(`gives user "${name}" only half of a client certificate`, 'Give both certificate and key.');
  }
  return {
    ...(user.token === undefined ? {} : { token: user.token }),
    ...(cert !== undefined && key !== undefined ? { certificate: { cert, key } } : {}),
    ...(user.username === undefined ? {} : { basic: { username: user.username, password: user.password ?? '' } }),
  };
}

/** No program of a kubeconfig is ever run; what kubelogin does, an Azure connection does without it. */
function entraTokens(
  user: UserEntry,
  { name, program }: { readonly name: string; readonly program: string },
  entra: EntraSignIn | undefined,
): Tokens {
  if (!isEntraLogin(user)) {
    throw unsupported(
      `user "${name}" signs in by running ${program}, which this task never does`,
      'Use a Kubernetes connection with a service account, or a kubeconfig whose user has a token or a client certificate.',
    );
  }
  if (entra === undefined) {
    throw unsupported(
      `user "${name}" signs in to Microsoft Entra by ${program}, and this connection holds nobody who could`,
      'Set connectionType to azureResourceManager, which needs no kubelogin; else use a Kubernetes connection with a service account.',
    );
  }
  const application = entraApplicationOf(user) ?? entra.application;
  if (application !== entra.application) {
    throw unsupported(
      `user "${name}" wants tokens for the application ${application}, not for AKS itself`,
      'Move the cluster to the Entra integration that AKS manages: az aks update --enable-aad.',
    );
  }
  return entra.tokens;
}

/** A file named in a kubeconfig is on the machine of whoever wrote it, never on the agent. */
function refuseFile(
  file: string | undefined,
  data: string | undefined,
  field: string,
  owner: string,
  dataField = `${field}-data`,
): void {
  if (file === undefined || file === '' || data !== undefined) return;
  throw unsupported(
    `entry "${owner}" has its ${field} in a file, ${file}, which is not on the agent`,
    `Put the content into ${dataField}: \`kubectl config view --raw --flatten\` does it.`,
  );
}

function fromBase64(data: string | undefined, field: string, owner: string): string | undefined {
  if (data === undefined || data === '') return undefined;
  const text = Buffer.from(data, 'base64').toString('utf8');
  if (!text.includes('-----BEGIN ')) {
    throw invalid(`has no PEM text in ${field} of "${owner}"`, 'Paste the kubeconfig again, without broken lines.');
  }
  return text;
}

function find<Key extends string, Entry>(
  entries: readonly Named<Key, Entry>[] | undefined,
  name: string | undefined,
): Named<Key, Entry> | undefined {
  return entries?.find((entry) => entry.name === name);
}

function namesOf(entries: readonly { readonly name?: string }[] | undefined): string {
  return entries?.map((entry) => entry.name ?? '').join(', ') ?? '';
}

function missing(context: string, what: string, name: string | undefined): DeliveryError {
  return invalid(`has a context "${context}" for the ${what} "${name ?? ''}", which it does not define`, 'Add it.');
}

function unsupported(problem: string, remedy: string): DeliveryError {
  return new DeliveryError('KUBECONFIG_UNSUPPORTED', { message: `The kubeconfig's ${problem}.`, remedy });
}

function invalid(problem: string, remedy: string): DeliveryError {
  return new DeliveryError('KUBECONFIG_INVALID', { message: `The kubeconfig ${problem}.`, remedy });
}
