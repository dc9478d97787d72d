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
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastHeartbeatTime?: string;
    }[];
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] };
  };
}

/** Objects of one kind, as of a version of the whole. */
export interface ApiList {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly ApiObject[];
}

const CALL_LIMIT = 5000;
/** How long one watch lasts when nothing changes, in seconds. */
const WATCH_LIMIT = 120;

/** A connection to the API server. Its calls throw when the server does not answer with 2xx in time. */
export class ClusterApi {
  readonly #access: ApiAccess;
  readonly #dispatcher: Agent;

  private constructor(access: ApiAccess, ca: string) {
    this.#access = access;
    this.#dispatcher = new Agent({ connect: { ca } });
  }

  /** Uses a connection and closes it. The server must have made its certificate. */
  static async use<T>(access: ApiAccess, work: (api: ClusterApi) => Promise<T>): Promise<T> {
    const api = new ClusterApi(access, await readFile(access.certificateFile, 'utf8'));
    try {
      return await work(api);
    } finally {
      await api.#dispatcher.destroy();
    }
  }

  async list(path: string): Promise<ApiList> {
    return JSON.parse(await this.#call(path)) as ApiList;
  }

  /** Applies a merge patch (RFC 7396). */
  async patch(path: string, patch: unknown): Promise<void> {
    await this.#call(path, JSON.stringify(patch));
  }

  /** Returns when the server is ready to serve. */
  async ready(): Promise<void> {
    await this.#call('/readyz');
  }

  /** Returns when something in a list has changed since a version of it, or after two minutes. */
  async changed(path: string, resourceVersion: string): Promise<void> {
    const url = new URL(path, this.#access.server);
    url.search = new URLSearchParams({ watch: '1', resourceVersion, timeoutSeconds: String(WATCH_LIMIT) }).toString();
    // The server ends a watch itself; a connection that died silently is given up a little later.
    const signal = AbortSignal.timeout((WATCH_LIMIT + 10) * 1000);
    const { statusCode, body } = await request(url, { ...this.#common(), signal });
    if (statusCode >= 300) throw new Error(`watching ${path} answered ${statusCode}`);
    for await (const piece of body) if ((piece as Buffer).includes('\n')) break;
  }

  async #call(path: string, mergePatch?: string): Promise<string> {
    const { statusCode, body } = await request(new URL(path, this.#access.server), {
      ...this.#common(),
      ...(mergePatch === undefined ? {} : { method: 'PATCH', body: mergePatch }),
      signal: AbortSignal.timeout(CALL_LIMIT),
    });
    const text = await body.text();
    if (statusCode >= 300) throw new Error(`${path} answered ${statusCode}`);
    return text;
  }

  #common(): { dispatcher: Agent; headers: Record<string, string> } {
    const headers = { authorization: `Bearer ${this.#access.token}`, 'content-type': 'application/merge-patch+json' };
    return { dispatcher: this.#dispatcher, headers };
  }
}

/** Whether the API server answers and is ready. */
export async function apiAnswers(access: ApiAccess): Promise<boolean> {
  return await ClusterApi.use(access, async (api) => await api.ready()).then(
    () => true,
    () => false,
  );
}

/**
 * Whether the node takes pods, and pods get their service account.
 *
 * @param since the node must have said so after this moment: what it said before it was stopped counts no more
 */
export async function isNodeReady(access: ApiAccess, since = new Date(0)): Promise<boolean> {
  try {
    const [nodes, accounts] = await ClusterApi.use(
      access,
      async (api) =>
        await Promise.all([api.list('/api/v1/nodes'), api.list('/api/v1/namespaces/default/serviceaccounts')]),
    );
    const conditions = nodes.items.flatMap((node) => node.status?.conditions ?? []);
    return (
      conditions.some(
        ({ type, status, lastHeartbeatTime = '' }) =>
          type === 'Ready' && status === 'True' && Date.parse(lastHeartbeatTime) >= since.getTime(),
      ) && accounts.items.some((account) => account.metadata.name === 'default')
    );
  } catch {
    return false;
  }
}
