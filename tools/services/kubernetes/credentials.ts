// Keys and files by which the parts of the cluster know each other.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { portOf } from '../ports.ts';
import { exists, statePath } from '../state-folder.ts';
import type { ApiAccess } from './api.ts';

/** Names the port of the API server; etcd takes the next two. */
export const PORT_VARIABLE = 'MODEL_DELIVERY_API_PORT';

/** Where the API server of the cluster listens. */
export function apiServer(): string {
  return `https://127.0.0.1:${portOf(PORT_VARIABLE, 6480)}`;
}

/** Where its administrator's kubeconfig lies. */
export const KUBECONFIG = statePath('cluster', 'kubeconfig');
/** Files of the control plane. */
export const FILES = {
  tokens: statePath('cluster', 'tokens.csv'),
  serviceAccountKey: statePath('cluster', 'service-account.key'),
  certificates: statePath('cluster', 'certificates'),
  /** Written by the API server at its first start; holds its own authority as well. */
  certificate: statePath('cluster', 'certificates', 'apiserver.crt'),
} as const;

/** Makes the administrator's token and the service accounts' key on first use. */
export async function ensureCredentials(): Promise<ApiAccess> {
  const file = statePath('cluster', 'credentials.json');
  if (!(await exists(file))) {
    await mkdir(FILES.certificates, { recursive: true });
    const token = randomBytes(24).toString('hex');
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const secret = { mode: 0o600 };
    await writeFile(FILES.tokens, `${token},admin,admin,system:masters\n`, secret);
    await writeFile(FILES.serviceAccountKey, privateKey.export({ type: 'pkcs1', format: 'pem' }), secret);
    await writeFile(`${file}.new`, JSON.stringify({ token }), secret);
    await rename(`${file}.new`, file);
  }
  const { token } = JSON.parse(await readFile(file, 'utf8')) as { token: string };
  return { server: apiServer(), token, certificateFile: FILES.certificate };
}

/** Writes the administrator's kubeconfig; the API server must have made its certificate. */
export async function writeKubeconfig({ server, token, certificateFile }: ApiAccess): Promise<void> {
  const name = 'model-delivery';
  const authority = (await readFile(certificateFile)).toString('base64');
  await writeFile(
    KUBECONFIG,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      clusters: [{ name, cluster: { server, 'certificate-authority-data': authority } }],
      users: [{ name, user: { token } }],
      contexts: [{ name, context: { cluster: name, user: name } }],
    }),
    { mode: 0o600 },
  );
}
