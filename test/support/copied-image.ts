// An image of the local registry, once more: with labels, or in a registry that wants to know who asks.
import { createHash } from 'node:crypto';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

export interface Copy {
  /** The image to copy, by digest. */
  readonly image: string;
  /** Where to: `host/repository`. */
  readonly to: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly login?: { readonly username: string; readonly password: string };
}

/** Copies an image and adds labels to it. Gives the copy by digest. */
export async function copiedImage({ image, to, labels = {}, login }: Copy): Promise<string> {
  const [, sourceHost = '', source = '', digest = ''] = /^([^/]+)\/(.+)@(sha256:.+)$/.exec(image) ?? [];
  const [, host = '', target = ''] = /^([^/]+)\/(.+)$/.exec(to) ?? [];
  const from = `http://${sourceHost}/v2/${source}`;
  const manifest = JSON.parse((await read(`${from}/manifests/${digest}`)).toString()) as {
    readonly config: Descriptor;
    readonly layers: readonly Descriptor[];
  };
  const config = JSON.parse((await read(`${from}/blobs/${manifest.config.digest}`)).toString()) as {
    readonly config?: { readonly Labels?: object };
  };
  const labelled = Buffer.from(
    JSON.stringify({ ...config, config: { ...config.config, Labels: { ...config.config?.Labels, ...labels } } }),
  );
  const registry = { origin: `http://${host}/v2/${target}`, headers: headersFor(login) };
  for (const layer of manifest.layers) await upload(registry, await read(`${from}/blobs/${layer.digest}`));
  await upload(registry, labelled);
  const copy = { ...manifest, config: { ...manifest.config, digest: digestOf(labelled), size: labelled.length } };
  const bytes = Buffer.from(JSON.stringify(copy));
  const headers = { ...registry.headers, 'content-type': MANIFEST };
  await expectGood(
    await fetch(`${registry.origin}/manifests/${digestOf(bytes)}`, { method: 'PUT', headers, body: bytes }),
  );
  return `${to}@${digestOf(bytes)}`;
}

interface Target {
  readonly origin: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function upload({ origin, headers }: Target, bytes: Buffer): Promise<void> {
  const begun = await expectGood(await fetch(`${origin}/blobs/uploads/`, { method: 'POST', headers }));
  const place = new URL(begun.headers.get('location') ?? '', origin);
  place.searchParams.set('digest', digestOf(bytes));
  const body = new Uint8Array(bytes);
  const type = { 'content-type': 'application/octet-stream' };
  await expectGood(await fetch(place, { method: 'PUT', headers: { ...headers, ...type }, body }));
}

async function read(url: string): Promise<Buffer> {
  const answer = await expectGood(await fetch(url, { headers: { accept: MANIFEST } }));
  return Buffer.from(await answer.arrayBuffer());
}

async function expectGood(answer: Response): Promise<Response> {
  if (!answer.ok) throw new Error(`${answer.url} answers with ${answer.status}: ${await answer.text()}`);
  return answer;
}

function headersFor(login: Copy['login']): Readonly<Record<string, string>> {
  return login === undefined ? {} : { authorization: `Basic ${btoa(`${login.username}:${login.password}`)}` };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
