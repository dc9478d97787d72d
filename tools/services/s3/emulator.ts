// S3: fauxqs, an emulator, behind a guard that makes it as strict as S3 is. By itself it takes any signature and ignores
// the conditions of a PUT; with the guard, keys, sessions and regions are checked and of racing writers one wins.
import { createServer, type IncomingMessage, request as sendRequest, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { startFauxqs } from 'fauxqs';
import type { CertifiedKey } from '../azure/certificates.ts';
import { type ArrivedRequest, type CallerKeys, Callers } from './callers.ts';
import { Refusal } from './refusal.ts';
import { TokenService } from './token-service.ts';

export type Conditions = 'kept' | 'refused' | 'ignored' | 'halfKept' | 'neverMet' | 'writesOnly';

/** What kind of store the emulator plays. */
export interface S3EmulatorOptions {
  /** 0, or left out: any free one. */
  readonly port?: number;
  /** Where it keeps what it holds; in memory unless given, and gone with it. */
  readonly folder?: string;
  /**
   * How it takes conditional writes: as S3 does, as stores do that have none, as those that know If-None-Match alone,
   * by which no ETag is ever the one that is named, or that know no condition of a removal.
   */
  readonly conditions?: Conditions;
  /** With a certificate it speaks TLS. */
  readonly certified?: CertifiedKey;
}

/** A running emulator, with all that a client needs. */
export interface S3Emulator {
  /** Of S3, in path style, and of the token service: `http://127.0.0.1:10600`. */
  readonly endpoint: string;
  readonly region: string;
  /** Keys that may do everything. */
  readonly keys: CallerKeys;
  readonly callers: Callers;
  readonly tokenService: TokenService;
  /** Uploads in parts that were begun and neither completed nor aborted: somebody would have to pay for them. */
  openUploads(): number;
  createBucket(name: string, settings?: { readonly public?: boolean }): void;
  stop(): Promise<void>;
}

export const S3_REGION = 'eu-central-1';
// As those of the other local services: the same on every machine, and no secret.
export const S3_KEYS: CallerKeys = {
  accessKeyId: 'AKIALOCALMODELSTORE0',
  secretAccessKey: 'local/store+key/of/this/machine/0123456789',
};

/** Starts an emulator on loopback. */
export async function startS3Emulator(options: S3EmulatorOptions = {}): Promise<S3Emulator> {
  const storage = options.folder === undefined ? {} : { s3StorageDir: options.folder };
  const settings = { port: 0, host: '127.0.0.1', logger: false, defaultRegion: S3_REGION, ...storage };
  const fauxqs = await startFauxqs(settings);
  const callers = new Callers(S3_REGION);
  callers.add(S3_KEYS);
  const tokenService = new TokenService(callers);
  const open = new Set<string>();
  const guard = new Guard({ port: fauxqs.port, callers, tokenService, open, conditions: options.conditions ?? 'kept' });
  const listener = (message: IncomingMessage, response: ServerResponse): void => void guard.serve(message, response);
  const { certified } = options;
  const server =
    certified === undefined
      ? createServer(listener)
      : createSecureServer({ cert: certified.certificate, key: certified.key }, listener);
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `${certified === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: S3_REGION,
    keys: S3_KEYS,
    callers,
    tokenService,
    openUploads: () => guard.openUploads,
    createBucket: (name, settings) => {
      fauxqs.createBucket(name);
      if (settings?.public === true) open.add(name);
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await fauxqs.stop();
    },
  };
}

interface GuardParts {
  /** Where the emulator itself listens. */
  readonly port: number;
  readonly callers: Callers;
  readonly tokenService: TokenService;
  /** Buckets that everybody may read. */
  readonly open: ReadonlySet<string>;
  readonly conditions: Conditions;
}

class Guard {
  readonly #parts: GuardParts;
  /** The end of the last write to each object, so that a condition holds until its write is through. */
  readonly #writes = new Map<string, Promise<void>>();
  #openUploads = 0;

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  get openUploads(): number {
    return this.#openUploads;
  }

  async serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(message).catch(() => undefined);
    if (body === undefined) return;
    const request = { message, body };
    const toTokenService = message.method === 'POST' && message.url === '/';
    try {
      if (toTokenService) answer(response, 200, this.#parts.tokenService.answer(request));
      else await this.#serveObject(request, response);
    } catch (error) {
      if (!(error instanceof Refusal)) return void response.destroy(error as Error);
      const xml = error.toXml();
      answer(
        response,
        error.status,
        toTokenService ? `<ErrorResponse><Error>${xml}</Error></ErrorResponse>` : `<Error>${xml}</Error>`,
      );
    }
  }

  async #serveObject(request: ArrivedRequest, response: ServerResponse): Promise<void> {
    this.#authorise(request);
    const { headers } = request.message;
    const [path = ''] = request.message.url?.split('?') ?? [];
    const removes = removesObject(request.message);
    if (!removes && !putsObject(request.message)) return this.#forward(request, response);
    const conditional = headers['if-none-match'] !== undefined || headers['if-match'] !== undefined;
    const { conditions } = this.#parts;
    if (conditional && conditions === 'refused') {
      throw new Refusal(501, 'NotImplemented', 'A header you provided implies functionality that is not implemented');
    }
    if (conditions === 'neverMet' && headers['if-match'] !== undefined) throw preconditionFailed();
    const known =
      conditions === 'halfKept'
        ? headers['if-none-match'] !== undefined
        : conditions !== 'ignored' && !(removes && conditions === 'writesOnly');
    await this.#inTurn(path, async () => {
      if (conditional && known) await this.#checkConditions(path, request.message);
      await this.#forward(request, response);
    });
  }

  #authorise(request: ArrivedRequest): void {
    const caller = this.#parts.callers.check(request, 's3');
    const bucket = request.message.url?.split(/[/?]/)[1] ?? '';
    const reads = ['GET', 'HEAD'].includes(request.message.method ?? '');
    if (caller === undefined ? reads && this.#parts.open.has(bucket) : reads || caller.readOnly !== true) return;
    throw new Refusal(403, 'AccessDenied', 'Access Denied');
  }

  async #inTurn(key: string, work: () => Promise<void>): Promise<void> {
    const turn = (this.#writes.get(key) ?? Promise.resolve()).then(work);
    this.#writes.set(
      key,
      turn.catch(() => undefined),
    );
    await turn;
  }

  async #checkConditions(path: string, { headers }: IncomingMessage): Promise<void> {
    const head = await fetch(`http://127.0.0.1:${this.#parts.port}${path}`, { method: 'HEAD' });
    const etag = head.ok ? head.headers.get('etag') : undefined;
    const wanted = headers['if-match'];
    if (wanted !== undefined && etag === undefined) throw new Refusal(404, 'NoSuchKey', 'The key does not exist.');
    if (wanted === undefined ? etag === undefined : etag === wanted) return;
    throw preconditionFailed();
  }

  #countUploads({ method = '', url = '' }: IncomingMessage): void {
    const query = new URLSearchParams(url.split('?')[1]);
    if (method === 'POST' && query.has('uploads')) this.#openUploads += 1;
    if (['POST', 'DELETE'].includes(method) && query.has('uploadId')) this.#openUploads -= 1;
  }

  async #forward({ message, body }: ArrivedRequest, response: ServerResponse): Promise<void> {
    const { method, url } = message;
    const { port } = this.#parts;
    // It would take the first part of a name for that of a bucket.
    const headers = { ...message.headers, host: `127.0.0.1:${port}` };
    const upstream = sendRequest({ host: '127.0.0.1', port, method, path: url, headers });
    upstream.end(body);
    const [reply] = (await once(upstream, 'response')) as [IncomingMessage];
    // It answers what is too large for it before it has read it all, and closes.
    upstream.on('error', () => undefined);
    if (reply.statusCode === 200 || reply.statusCode === 204) this.#countUploads(message);
    response.writeHead(reply.statusCode ?? 500, reply.headers);
    reply.pipe(response);
    await once(response, 'close');
  }
}

/** Whether a request makes an object: by its content, or of parts. */
function putsObject({ method = '', url = '' }: IncomingMessage): boolean {
  const query = new URLSearchParams(url.split('?')[1]);
  return query.has('uploadId') ? method === 'POST' : method === 'PUT';
}

function removesObject({ method = '', url = '' }: IncomingMessage): boolean {
  return method === 'DELETE' && !new URLSearchParams(url.split('?')[1]).has('uploadId');
}

function preconditionFailed(): Refusal {
  return new Refusal(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
}

function answer(response: ServerResponse, status: number, xml: string): void {
  response
    .writeHead(status, { 'content-type': 'application/xml' })
    .end(`<?xml version="1.0" encoding="UTF-8"?>\n${xml}`);
}
