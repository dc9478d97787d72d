// AWS's signature of requests, version 4, from the side of the server:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** What an `Authorization` header says. */
export interface Signature {
  readonly accessKeyId: string;
  /** `20261125`. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

const HEADER =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;

/** Reads the header of a signed request; undefined where it is none. */
export function parseSignature(header: string): Signature | undefined {
  const [, accessKeyId = '', date = '', region = '', service = '', headers = '', signature = ''] =
    HEADER.exec(header) ?? [];
  if (signature === '') return undefined;
  return { accessKeyId, date, region, service, signedHeaders: headers.split(';'), signature };
}

/** Whether a request was signed with a secret key. */
export function isSignedWith(
  secretAccessKey: string,
  request: IncomingMessage,
  parsed: Signature,
  bodyHash: string,
): boolean {
  const scope = `${parsed.date}/${parsed.region}/${parsed.service}/aws4_request`;
  const time = String(request.headers['x-amz-date']);
  const text = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical(request, parsed, bodyHash))].join('\n');
  const key = [parsed.date, parsed.region, parsed.service, 'aws4_request'].reduce<string | Buffer>(
    (key, part) => hmac(key, part),
    `AWS4${secretAccessKey}`,
  );
  return timingSafeEqual(hmac(key, text), Buffer.from(parsed.signature, 'hex'));
}

export function sha256(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function canonical({ method = '', url = '', headers }: IncomingMessage, parsed: Signature, bodyHash: string): string {
  const [path = '', query = ''] = url.split('?');
  const parameters = query
    .split('&')
    .filter((parameter) => parameter !== '')
    .map((parameter) => (parameter.includes('=') ? parameter : `${parameter}=`))
    .sort();
  const lines = parsed.signedHeaders.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}\n`);
  return [method, path, parameters.join('&'), lines.join(''), parsed.signedHeaders.join(';'), bodyHash].join('\n');
}
