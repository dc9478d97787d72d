import { DeliveryError } from '../errors/delivery-error.ts';
import { headerOf } from '../http/request.ts';
import { digestOf } from './digest.ts';
import { formatImage, formatRepository, type RepositoryName } from './image-name.ts';
import { MANIFEST_TYPES, OCI } from './media-types.ts';
import type { RepositoryScope } from './registry-auth.ts';
import { refusalIn } from './registry-errors.ts';
import { type ApiRequest, isGood, type RegistryClient } from './registry-client.ts';

/** A manifest or index with the bytes that its digest stands for. */
export interface StoredManifest {
  readonly mediaType: string;
  readonly digest: string;
  readonly bytes: Buffer;
}

/** Blobs that are read whole, image configurations, are never near this size. */
const DOCUMENT_LIMIT = 8 * 1024 * 1024;

/** How often the upload of a document is begun; one that breaks in between is taken up again by itself. */
const MOST_ATTEMPTS = 3;

const TAGS_A_PAGE = 1000;

/** What one repository of a registry holds: manifests, tags and small blobs. */
export class Repository {
  readonly client: RegistryClient;
  readonly name: RepositoryName;
  readonly #actions: RepositoryScope['actions'];

  constructor(client: RegistryClient, name: RepositoryName, actions: RepositoryScope['actions']) {
    this.client = client;
    this.name = name;
    this.#actions = actions;
  }

  /**
   * The manifest or index of a tag or digest; undefined where there is none.
   *
   * @throws DeliveryError `MANIFEST_DIGEST_MISMATCH` where the bytes are not those of the digest asked for
   */
  async manifest(reference: string, signal: AbortSignal): Promise<StoredManifest | undefined> {
    const path = this.#path('manifests', reference);
    const doing = `read ${this.#format(reference)}`;
    const headers = { accept: MANIFEST_TYPES.join(', ') };
    const answer = await this.client.ask(this.#api('GET', path, { doing, headers, signal }), [404]);
    if (answer.status === 404) return undefined;
    const digest = digestOf(answer.body);
    const wanted = reference.startsWith('sha256:') ? reference : headerOf(answer, 'docker-content-digest');
    if (wanted?.startsWith('sha256:') === true && wanted !== digest) {
      throw new DeliveryError('MANIFEST_DIGEST_MISMATCH', {
        message: `The manifest that ${this.name.registry} gave for ${this.#format(reference)} has the digest ${digest}, not ${wanted}.`,
        remedy: 'Do not trust this registry or what stands between; if it is a mirror or cache, empty it.',
      });
    }
    return { mediaType: mediaTypeOf(answer.body, headerOf(answer, 'content-type')), digest, bytes: answer.body };
  }

  /** The digest that a tag points at; undefined where there is no such tag. */
  async digestOfTag(tag: string, signal: AbortSignal): Promise<string | undefined> {
    const headers = { accept: MANIFEST_TYPES.join(', ') };
    const api = this.#api('HEAD', this.#path('manifests', tag), {
      doing: `look for ${this.#format(tag)}`,
      headers,
      signal,
    });
    const answer = await this.client.ask(api, [404]);
    if (answer.status === 404) return undefined;
    // The header is optional by specification.
    return headerOf(answer, 'docker-content-digest') ?? (await this.manifest(tag, signal))?.digest;
  }

  /**
   * The repository's tags, in the registry's order; none where there is no such repository.
   *
   * @param most where more are not worth the requests, how many are
   */
  async tags(signal: AbortSignal, most = Infinity): Promise<readonly string[]> {
    const doing = `list the tags of ${formatRepository(this.name)}`;
    const path = `${this.name.repository}/tags/list?n=${TAGS_A_PAGE}`;
    const tags: string[] = [];
    for await (const page of this.pages(path, doing, signal)) {
      tags.push(...tagsOf(page));
      if (tags.length >= most) break;
    }
    return tags;
  }

  /**
   * The pages of a list of this repository; none where there is no such list.
   *
   * @param target path below `/v2/`, or a whole address of the registry
   */
  pages(target: string | URL, doing: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    return this.client.pages(this.#api('GET', target, { doing, signal }));
  }

  /**
   * Stores a manifest under its digest, or under a tag, which then points at it.
   *
   * @returns the digest of the subject that the registry now lists it for; undefined where it names none, or the registry keeps
   *   no such lists
   */
  async putManifest(
    reference: string,
    { mediaType, bytes }: Omit<StoredManifest, 'digest'>,
    signal: AbortSignal,
  ): Promise<{ readonly subject: string | undefined }> {
    const doing = `store ${this.#format(reference)}`;
    const headers = { 'content-type': mediaType };
    const answer = await this.client.ask(
      this.#api('PUT', this.#path('manifests', reference), { doing, headers, body: bytes, signal }),
    );
    return { subject: headerOf(answer, 'oci-subject') };
  }

  /** A page of the manifests that name this one as their subject; undefined where the registry keeps no such lists. */
  async referrers(
    digest: string,
    page: URL | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly bytes: Buffer; readonly next: URL | undefined } | undefined> {
    const target = page ?? `${this.name.repository}/referrers/${digest}`;
    const doing = `list what is attached to ${this.#format(digest)}`;
    const headers = { accept: OCI.index };
    const answer = await this.client.ask(this.#api('GET', target, { doing, headers, signal }), [400, 404, 405]);
    // Older registries know no such address, or take it for a bad one; some gateways before them answer with a page.
    if (!isGood(answer.status) || headerOf(answer, 'content-type')?.startsWith(OCI.index) !== true) return undefined;
    return { bytes: answer.body, next: await this.client.nextPage(answer, signal) };
  }

  /**
   * Whether the repository has a blob.
   *
   * @param size in bytes, as whoever names the blob says
   * @throws DeliveryError `LAYER_DIGEST_MISMATCH` where the blob of this digest has another size
   */
  async hasBlob(digest: string, signal: AbortSignal, size?: number): Promise<boolean> {
    const api = this.#api('HEAD', this.#path('blobs', digest), { doing: `look for ${digest}`, signal });
    const answer = await this.client.ask(api, [404]);
    if (!isGood(answer.status)) return false;
    // A header that is missing or 0 tells nothing: some gateways answer every HEAD so.
    const length = Number(headerOf(answer, 'content-length') ?? 0);
    if (size === undefined || length === 0 || length === size) return true;
    throw new DeliveryError('LAYER_DIGEST_MISMATCH', {
      message: `The blob ${digest} in ${formatRepository(this.name)} has ${length} bytes, and the manifest that names it says ${size}.`,
      remedy: 'Push the base image again, or take another one: its manifest is not to be trusted.',
    });
  }

  /**
   * Reads a small blob whole.
   *
   * @throws DeliveryError `MANIFEST_DIGEST_MISMATCH`
   */
  async document(digest: string, signal: AbortSignal): Promise<Buffer> {
    const doing = `read the document ${digest.slice(0, 19)}`;
    const { body } = await this.client.ask(this.#api('GET', this.#path('blobs', digest), { doing, signal }));
    if (digestOf(body) === digest && body.length <= DOCUMENT_LIMIT) return body;
    throw new DeliveryError('MANIFEST_DIGEST_MISMATCH', {
      message: `The document that ${this.name.registry} gave for ${digest} is not the one of that digest.`,
      remedy: 'Do not trust this registry or what stands between; if it is a mirror or cache, empty it.',
    });
  }

  /**
   * Stores a small blob unless it is there.
   *
   * @param afresh whatever the registry says that it has
   */
  async putDocument(bytes: Buffer, signal: AbortSignal, afresh = false): Promise<void> {
    const digest = digestOf(bytes);
    if (!afresh && (await this.hasBlob(digest, signal))) return;
    const doing = `store the document ${digest.slice(0, 19)}`;
    const headers = { 'content-length': '0' };
    const path = `${this.name.repository}/blobs/uploads/`;
    for (let attempt = 1; ; attempt += 1) {
      const begun = await this.client.ask(this.#api('POST', path, { doing, headers, signal }));
      const target = await this.client.addressOf(headerOf(begun, 'location') ?? '', signal);
      target.searchParams.set('digest', digest);
      const type = { 'content-type': 'application/octet-stream' };
      const api = this.#api('PUT', target, { doing, headers: type, body: bytes, signal });
      const answer = await this.client.ask(api, [404]);
      // An upload that is not known: the registry forgot it, or closed it and its answer was lost.
      if (answer.status !== 404 || (await this.hasBlob(digest, signal))) return;
      if (attempt === MOST_ATTEMPTS) throw this.client.refused(api, refusalIn(answer, answer.body));
    }
  }

  #path(kind: 'manifests' | 'blobs', reference: string): string {
    return `${this.name.repository}/${kind}/${reference}`;
  }

  #format(reference: string): string {
    const by = reference.startsWith('sha256:')
      ? { digest: reference, tag: undefined }
      : { digest: undefined, tag: reference };
    return formatImage({ ...this.name, ...by });
  }

  #api(
    method: ApiRequest['method'],
    target: ApiRequest['target'],
    rest: Pick<ApiRequest, 'doing' | 'signal' | 'headers' | 'body'>,
  ): ApiRequest {
    return { method, target, scopes: [{ repository: this.name.repository, actions: this.#actions }], ...rest };
  }
}

function tagsOf(bytes: Buffer): readonly string[] {
  try {
    const { tags } = JSON.parse(bytes.toString()) as { tags?: unknown };
    return Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [];
  } catch {
    return [];
  }
}

/** The document's own word counts before the header: caches and old registries lose the header. */
export function mediaTypeOf(bytes: Buffer, contentType: string | undefined): string {
  try {
    const { mediaType } = JSON.parse(bytes.toString()) as { mediaType?: unknown };
    if (typeof mediaType === 'string') return mediaType;
  } catch {
    // Not a document at all: whoever parses it says so.
  }
  return contentType?.split(';')[0]?.trim() ?? '';
}
