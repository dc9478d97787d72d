// A registry that lists referrers by itself, as OCI distribution 1.1 has it: the real registry, which does not, behind a small
// server that does that part and is strict about what it takes. It stands in for zot, ACR or Harbor, none of which can be
// installed here.
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { digestOf } from '../../lib/oci/digest.ts';
import type { Descriptor, Manifest } from '../../lib/oci/image.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const EMPTY = 'application/vnd.oci.empty.v1+json';
const PAGE = 2;

/** What the registry does with manifests that name a subject. */
export type Artifacts = 'listed' | 'refused';

export class ReferrersRegistry {
  readonly #server: Server;
  readonly #target: URL;
  readonly #lists = new Map<string, readonly Descriptor[]>();
  /** Requests that changed something, such as `PUT /v2/app/manifests/latest`, in order. */
  readonly writes: string[] = [];
  artifacts: Artifacts = 'listed';
  /** So many requests may change something; those after them are refused. */
  writesLeft = Infinity;

  private constructor(host: string) {
    this.#target = new URL(`http://${host}`);
    this.#server = createServer((incoming, outgoing) => void this.#serve(incoming, outgoing));
  }

  /** @param host of the registry that keeps everything */
  static async start(host: string): Promise<ReferrersRegistry> {
    const registry = new ReferrersRegistry(host);
    registry.#server.listen(0, '127.0.0.1');
    await once(registry.#server, 'listening');
    return registry;
  }

  /** As it stands in image names. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = '', url = '' } = incoming;
    const body = await buffer(incoming);
    if (!['GET', 'HEAD'].includes(method)) {
      if (this.writesLeft <= 0) {
        outgoing.writeHead(403).end();
        return;
      }
      this.writesLeft -= 1;
      this.writes.push(`${method} ${url}`);
    }
    const listing = /^\/v2\/(.+)\/referrers\/(sha256:[0-9a-f]{64})(?:\?(.*))?$/.exec(url);
    if (listing !== null) {
      this.#list(outgoing, url, `${listing[1] ?? ''}@${listing[2] ?? ''}`, new URLSearchParams(listing[3]));
      return;
    }
    const repository = method === 'PUT' ? /^\/v2\/(.+)\/manifests\/[^/]+$/.exec(url)?.[1] : undefined;
    const manifest = repository === undefined ? undefined : (JSON.parse(body.toString()) as Manifest);
    const problem = manifest?.subject === undefined ? undefined : this.#problemOf(manifest, incoming);
    if (problem !== undefined) {
      outgoing.writeHead(400, { 'content-type': 'application/json' });
      outgoing.end(JSON.stringify({ errors: [{ code: 'MANIFEST_INVALID', message: problem }] }));
      return;
    }
    this.#forward(incoming, body, outgoing, manifest && this.#count(repository ?? '', manifest, body));
  }

  /** What the specification does not allow in an artifact's manifest. */
  #problemOf(manifest: Manifest, { headers }: IncomingMessage): string | undefined {
    const subject = manifest.subject as Partial<Descriptor>;
    if (this.artifacts === 'refused') return 'artifacts are not taken here';
    if (headers['content-type'] !== MANIFEST || manifest.mediaType !== MANIFEST) return 'wrong media type';
    if (typeof subject.mediaType !== 'string' || typeof subject.size !== 'number')
      return 'the subject is no descriptor';
    if (!/^sha256:[0-9a-f]{64}$/.test(subject.digest ?? '')) return 'the subject has no digest';
    if (manifest.layers.length === 0) return 'no layers';
    if (manifest.config.mediaType === EMPTY && manifest.artifactType === undefined) return 'no artifactType';
    return undefined;
  }

  /** Adds a manifest to the list of its subject. @returns the headers that say so */
  #count(repository: string, manifest: Manifest, body: Buffer): Readonly<Record<string, string>> {
    const subject = manifest.subject as Descriptor | undefined;
    if (subject === undefined) return {};
    const { artifactType = manifest.config.mediaType, annotations } = manifest;
    const entry: Descriptor = {
      mediaType: MANIFEST,
      digest: digestOf(body),
      size: body.length,
      artifactType,
      ...(annotations === undefined ? {} : { annotations }),
    };
    const key = `${repository}@${subject.digest}`;
    const others = (this.#lists.get(key) ?? []).filter(({ digest }) => digest !== entry.digest);
    this.#lists.set(key, [...others, entry]);
    return { 'OCI-Subject': subject.digest };
  }

  /** Lists in short pages, so that whoever reads only the first is found out. */
  #list(outgoing: ServerResponse, url: string, key: string, query: URLSearchParams): void {
    const all = this.#lists.get(key) ?? [];
    const start = Number(query.get('from') ?? 0);
    const next = start + PAGE < all.length ? `${url.split('?')[0] ?? ''}?from=${start + PAGE}` : undefined;
    outgoing.writeHead(200, {
      'content-type': INDEX,
      ...(next === undefined ? {} : { link: `<${next}>; rel="next"` }),
    });
    outgoing.end(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: all.slice(start, start + PAGE) }));
  }

  #forward(
    { method, url: path, headers }: IncomingMessage,
    body: Buffer,
    outgoing: ServerResponse,
    more: Readonly<Record<string, string>> = {},
  ): void {
    const { hostname: host, port } = this.#target;
    const onward = request(
      { host, port, method, path, headers: { ...headers, 'content-length': body.length } },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, {
          ...answer.headers,
          ...((answer.statusCode ?? 500) < 300 ? more : {}),
        });
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    onward.end(body);
  }
}
