// Who may come in: the emulator itself takes anybody, with whatever signature.
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';
import { isSignedWith, parseSignature, sha256 } from './signature.ts';

/** Keys of a user, or of a session, which has a token and an end. */
export interface CallerKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** In milliseconds since 1970. */
  readonly expires?: number;
  /** May read only. */
  readonly readOnly?: boolean;
}

/** A request whose body has arrived. */
export interface ArrivedRequest {
  readonly message: IncomingMessage;
  readonly body: Buffer;
}

/** Requests must not be older or newer than this, in milliseconds. */
const LARGEST_SKEW = 15 * 60_000;

export class Callers {
  readonly #region: string;
  readonly #keys = new Map<string, CallerKeys>();

  constructor(region: string) {
    this.#region = region;
  }

  /** Lets keys in. */
  add(keys: CallerKeys): CallerKeys {
    this.#keys.set(keys.accessKeyId, keys);
    return keys;
  }

  /** Makes keys of a session and lets them in. */
  addSession(seconds: number): Required<Omit<CallerKeys, 'readOnly'>> {
    const session = {
      accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(120).toString('base64'),
      expires: Date.now() + seconds * 1000,
    };
    this.add(session);
    return session;
  }

  /** Ends every session now, whatever was promised. */
  endSessions(): void {
    for (const keys of this.#keys.values()) if (keys.sessionToken !== undefined) this.add({ ...keys, expires: 0 });
  }

  /**
   * Who signed a request to `s3` or `sts`; undefined where nobody did. Throws a {@link Refusal} where the signature is not good, with
   * the code and status that AWS has for it.
   */
  check({ message, body }: ArrivedRequest, service: 's3' | 'sts'): CallerKeys | undefined {
    const header = message.headers.authorization;
    if (header === undefined) return undefined;
    const parsed = parseSignature(header);
    if (parsed === undefined) throw new Refusal(400, 'AuthorizationHeaderMalformed', 'The header is not of version 4.');
    if (parsed.region !== this.#region || parsed.service !== service) {
      const text = `The authorization header is malformed; the region '${parsed.region}' is wrong; expecting '${this.#region}'`;
      throw new Refusal(400, 'AuthorizationHeaderMalformed', text, { Region: this.#region });
    }
    const keys = this.#keys.get(parsed.accessKeyId);
    if (keys === undefined) throw new Refusal(403, 'InvalidAccessKeyId', 'The access key id does not exist.');
    const bodyHash = checkedHash(message, body, service);
    checkTime(message);
    if (!isSignedWith(keys.secretAccessKey, message, parsed, bodyHash)) {
      throw new Refusal(403, 'SignatureDoesNotMatch', 'The signature that was calculated does not match.');
    }
    checkSession(message, keys);
    return keys;
  }
}

function checkedHash({ headers }: IncomingMessage, body: Buffer, service: string): string {
  const found = sha256(body);
  if (service === 'sts') return found;
  const claimed = String(headers['x-amz-content-sha256']);
  if (claimed === found) return found;
  throw new Refusal(400, 'XAmzContentSHA256Mismatch', `The body has another SHA-256 than ${claimed}.`);
}

/** `x-amz-date` is `20261125T150000Z`. */
function checkTime({ headers }: IncomingMessage): void {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(String(headers['x-amz-date']));
  const [, year, month, day, hour, minute, second] = (parts ?? []).map(Number);
  const time = Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second);
  if (Math.abs(time - Date.now()) <= LARGEST_SKEW) return;
  throw new Refusal(403, 'RequestTimeTooSkewed', 'The time of the request differs too much.');
}

function checkSession({ headers }: IncomingMessage, { sessionToken, expires = Infinity }: CallerKeys): void {
  if (headers['x-amz-security-token'] !== sessionToken) {
    throw new Refusal(400, 'InvalidToken', 'The provided token is malformed or otherwise invalid.');
  }
  if (Date.now() >= expires) throw new Refusal(400, 'ExpiredToken', 'The provided token has expired.');
}
