// What an Azure Container Registry knows of its tags: GET /acr/v1/<name>/_tags, as https://learn.microsoft.com/rest/api/containerregistry/tag/get-list
// has it: parameters last, n, orderby and digest; a TagList; the next page in a Link header.
import type { Answer, Call } from './calls.ts';

/** A tag as it is kept. */
interface Tag {
  readonly name: string;
  readonly digest: string;
  readonly createdTime: string;
  readonly lastUpdateTime: string;
}

const PARAMETERS = ['last', 'n', 'orderby', 'digest', 'api-version'];
const ORDERS = ['none', 'timedesc', 'timeasc'];
/** Unless the caller says how many. */
const TAGS_A_PAGE = 100;

/** The tags that were pushed to a registry, with their times. */
export class RegistryTags {
  readonly #repositories = new Map<string, Map<string, Tag>>();
  /** Times have seven decimals; the last four count pushes, so that no two are at once. */
  #pushes = 0;

  /** Takes note of a manifest that was stored; one under its digest has no tag. */
  pushed(repository: string, reference: string, digest: string): void {
    if (reference.includes(':')) return;
    const tags = this.#repositories.get(repository) ?? new Map<string, Tag>();
    this.#repositories.set(repository, tags);
    this.#pushes += 1;
    const now = new Date().toISOString().replace('Z', `${String(this.#pushes % 10_000).padStart(4, '0')}Z`);
    const createdTime = tags.get(reference)?.createdTime ?? now;
    tags.set(reference, { name: reference, digest, createdTime, lastUpdateTime: now });
  }

  /** The repository whose tags a call asks for; undefined where it asks for something else. */
  static repositoryOf({ method, url }: Call): string | undefined {
    return method === 'GET' ? /^\/acr\/v1\/(.+)\/_tags$/.exec(url.pathname)?.[1] : undefined;
  }

  /**
   * Answers for a registry, once it is sure that the caller may know.
   *
   * @param most tags a page, however many the caller asks for
   */
  list(registry: string, repository: string, { searchParams }: URL, most = Infinity): Answer {
    const order = searchParams.get('orderby') ?? 'none';
    const asked = Number(searchParams.get('n') ?? TAGS_A_PAGE);
    const unknown = [...searchParams.keys()].find((name) => !PARAMETERS.includes(name));
    if (unknown !== undefined || !ORDERS.includes(order) || !Number.isInteger(asked) || asked < 1) {
      return failure(400, 'UNSUPPORTED', 'The operation is unsupported.');
    }
    const known = this.#repositories.get(repository);
    if (known === undefined) return failure(404, 'NAME_UNKNOWN', `repository "${repository}" is not found`);
    const size = Math.min(asked, most);
    const digest = searchParams.get('digest');
    const tags = ordered([...known.values()], order).filter((tag) => digest === null || tag.digest === digest);
    const from = tags.findIndex(({ name }) => name === searchParams.get('last')) + 1;
    const page = tags.slice(from, from + size);
    const next = new URLSearchParams({ last: page.at(-1)?.name ?? '', n: String(asked), orderby: order });
    const link = `</acr/v1/${repository}/_tags?${next.toString()}>; rel="next"`;
    return {
      status: 200,
      headers: from + size < tags.length ? { link } : {},
      body: { registry, imageName: repository, tags: page.map(attributesOf) },
    };
  }
}

function ordered(tags: readonly Tag[], order: string): readonly Tag[] {
  if (order === 'none') return [...tags].sort((a, b) => (a.name < b.name ? -1 : 1));
  const later = order === 'timedesc' ? 1 : -1;
  return [...tags].sort((a, b) => (a.lastUpdateTime < b.lastUpdateTime ? later : -later));
}

function attributesOf(tag: Tag) {
  const changeableAttributes = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };
  return { ...tag, signed: false, changeableAttributes };
}

function failure(status: number, code: string, message: string): Answer {
  return { status, body: { errors: [{ code, message }] } };
}
