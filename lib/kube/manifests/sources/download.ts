import { lookup } from 'node:dns/promises';
import type { Dispatcher } from 'undici';
import { DeliveryError, messageOf } from '../../../errors/delivery-error.ts';
import { readBounded, readStart } from '../../../http/bounded-body.ts';
import { isLinkLocal, isPrivate } from '../../../http/private-address.ts';
import { headerOf, request } from '../../../http/request.ts';
import type { HttpAnswer } from '../../../http/request.ts';
import { codeOf, isPassing, isPassingError, PATIENT, wait, waitBefore } from '../../../http/retry.ts';
import { TEXT_LIMIT } from './manifest-text.ts';
import type { ManifestText } from './manifest-text.ts';

/** What a download needs from outside. */
export interface DownloadContext {
  /** Goes through the agent's proxy and trusts its authorities. */
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
}

/** How long one manifest may take, with all redirects and attempts, in milliseconds. */
const TIME_LIMIT = 120_000;
const REDIRECTS = 5;

/** Whether a line of the input `manifests` is an address rather than a path. */
export function isAddress(line: string): boolean {
  return /^[a-z][a-z\d+.-]+:\/\//i.test(line);
}

/**
 * Downloads a manifest over HTTPS. A user and password in the address are shown to its own host alone; redirects lead
 * to HTTPS only, and never from a public host into this machine, the private network or a cloud's metadata service.
 *
 * @throws DeliveryError `MANIFEST_ADDRESS_INVALID`, `MANIFEST_NOT_FOUND`, `MANIFEST_DOWNLOAD_FAILED`, `ANSWER_TOO_LARGE`
 */
export async function downloadManifest(
  address: string,
  { dispatcher, signal }: DownloadContext,
): Promise<ManifestText> {
  const url = addressOf(address);
  const late = AbortSignal.timeout(TIME_LIMIT);
  const end = AbortSignal.any([signal, late]);
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await follow(url, dispatcher, end);
      if (isPassing(answer.status) && attempt < PATIENT.attempts) {
        await pass(answer);
        await wait(waitBefore(attempt, PATIENT, headerOf(answer, 'retry-after')), end);
        continue;
      }
      return { name: shown(url), text: await textOf(answer, url), own: false };
    } catch (error) {
      signal.throwIfAborted();
      if (late.aborted) throw failed(url, `it was not done after ${TIME_LIMIT / 1000} seconds`, CHECK_NETWORK);
      if (error instanceof DeliveryError) throw error;
      if (!isPassingError(error) || attempt >= PATIENT.attempts)
        throw failed(url, reasonOf(error), CHECK_NETWORK, error);
      await wait(waitBefore(attempt, PATIENT), end);
    }
  }
}

const CHECK_NETWORK =
  'Check the address, and that the agent may connect there (firewall, proxy, certificate authority).';

function addressOf(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === 'https:') return url;
  const name = url === undefined ? address : shown(url);
  throw new DeliveryError('MANIFEST_ADDRESS_INVALID', {
    message: `The input manifests has ${name}, which is no https address.`,
    remedy: 'Manifests are downloaded over https alone, so that nobody can change them on their way.',
  });
}

/** Sends the request on to where redirects lead; the last answer. */
async function follow(first: URL, dispatcher: Dispatcher, signal: AbortSignal): Promise<HttpAnswer> {
  let url = first;
  for (let redirects = 0; ; redirects++) {
    const answer = await request(dispatcher, { method: 'GET', url, headers: headersFor(url, first), signal });
    if (![301, 302, 303, 307, 308].includes(answer.status)) return answer;
    await pass(answer);
    if (redirects === REDIRECTS) throw failed(first, `it leads on more than ${REDIRECTS} times`, CHECK_NETWORK);
    const target = headerOf(answer, 'location') ?? '';
    if (!URL.canParse(target, url.href)) throw failed(first, 'it leads to no address', CHECK_NETWORK);
    url = await allowed(new URL(target, url), first);
  }
}

function headersFor(url: URL, first: URL): Readonly<Record<string, string>> {
  const plain = {
    accept: 'application/yaml, text/yaml, application/json, text/plain, */*',
    'accept-encoding': 'identity',
  };
  if (url.origin !== first.origin || (first.username === '' && first.password === '')) return plain;
  const credentials = `${decodeURIComponent(first.username)}:${decodeURIComponent(first.password)}`;
  return { ...plain, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** A host that was given may be anywhere; what it leads to may not be where only this machine gets. */
async function allowed(target: URL, first: URL): Promise<URL> {
  if (target.protocol !== 'https:') {
    throw failed(first, `it leads to ${shown(target)}, which is not https`, 'Name an address that leads to https.');
  }
  if (target.hostname === first.hostname) return target;
  const addresses = await lookup(target.hostname, { all: true }).catch(() => []);
  const hosts = [target.hostname, ...addresses.map(({ address, family }) => (family === 6 ? `[${address}]` : address))];
  const leadsInside = hosts.some(isLinkLocal) || (hosts.some(isPrivate) && !isPrivate(first.hostname));
  if (!leadsInside) return target;
  const remedy = 'If that is meant, name that address itself.';
  throw failed(first, `it leads to ${shown(target)}, which is within the private network`, remedy);
}

async function textOf(answer: HttpAnswer, url: URL): Promise<string> {
  const { status } = answer;
  if (status !== 200) await pass(answer);
  if (status === 404 || status === 410) {
    throw new DeliveryError('MANIFEST_NOT_FOUND', {
      message: `No manifest is at ${shown(url)} (status ${status}).`,
      remedy: 'Check the address; some servers also say so of what a user may not see.',
    });
  }
  if (status === 401 || status === 403) {
    const remedy = 'Give it an address that needs no login, or write https://user:$(token)@… with a secret variable.';
    throw failed(url, `the server does not let this task in (status ${status})`, remedy);
  }
  if (status !== 200) throw failed(url, `the server answers with status ${status}`, CHECK_NETWORK);
  const bytes = await readBounded(answer.body, TEXT_LIMIT, `The manifest at ${shown(url)}`);
  if (!/^text\/html\b/i.test(headerOf(answer, 'content-type') ?? '')) return bytes.toString('utf8');
  const remedy =
    'Name the address of the bare text (of GitHub: raw.githubusercontent.com); a login page looks the same.';
  throw failed(url, 'the server answers with a web page', remedy);
}

/** Leaves a body unread; a short one is taken off the connection, so that the next request can have it. */
async function pass({ body }: HttpAnswer): Promise<void> {
  await readStart(body, 64 * 1024);
}

/** An address as messages show it: without what may be secret. */
function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  return code === undefined ? messageOf(error) : `${messageOf(error)} (${code})`;
}

function failed(url: URL, reason: string, remedy: string, cause?: unknown): DeliveryError {
  return new DeliveryError('MANIFEST_DOWNLOAD_FAILED', {
    message: `The manifest at ${shown(url)} cannot be downloaded: ${reason}.`,
    remedy,
    cause,
  });
}
