// The few calls that set-up makes to the API server.
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';

/** How to reach an API server as its administrator. */
export interface ApiAccess {
  readonly server: string;
  readonly token: string;
  readonly certificateFile: string;
}

/** A service account, node or Service as far as set-up looks at it. */
export interface ApiObject {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: { readonly type?: string };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] };
  };
}

/** Calls the API server; throws when it does not answer with 2xx within five seconds. */
export async function callApi(
  access: ApiAccess,
  path: string,
  mergePatch?: unknown,
): Promise<{ readonly items?: readonly ApiObject[] }> {
  const dispatcher = new Agent({ connect: { ca: await readFile(access.certificateFile, 'utf8') } });
  try {
    const response = await request(new URL(path, access.server), {
      dispatcher,
      method: mergePatch === undefined ? 'GET' : 'PATCH',
      headers: { authorization: `Bearer ${access.token}`, 'content-type': 'application/merge-patch+json' },
      body: mergePatch === undefined ? null : JSON.stringify(mergePatch),
      signal: AbortSignal.timeout(5000),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${path} answered ${response.statusCode}`);
    return (path === READY ? {} : JSON.parse(text)) as { items?: readonly ApiObject[] };
  } finally {
    await dispatcher.close();
  }
}

const READY = '/readyz';

export async function apiAnswers(access: ApiAccess): Promise<boolean> {
  return await callApi(access, READY).then(
    () => true,
    () => false,
  );
}

/** Whether the node takes pods, and pods get their service account. */
export async function isNodeReady(access: ApiAccess): Promise<boolean> {
  try {
    const nodes = (await callApi(access, '/api/v1/nodes')).items ?? [];
    const accounts = (await callApi(access, '/api/v1/namespaces/default/serviceaccounts')).items ?? [];
    const ready = nodes.some((node) => node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'));
    return ready && accounts.some((account) => account.metadata.name === 'default');
  } catch {
    return false;
  }
}
