import { DeliveryError } from '../../errors/delivery-error.ts';

/** Keys of an IAM user, or of a session, which then has a token as well. */
export interface S3Keys {
  readonly kind: 'keys';
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

/** A role whose keys the store asks for itself, and asks for again before they expire. */
export interface AssumedRole {
  readonly kind: 'role';
  /** Such as `arn:aws:iam::123456789012:role/models`. */
  readonly arn: string;
  /** What CloudTrail calls who came in by the role. */
  readonly sessionName: string;
  /** Agreed with the role's owner, where that is somebody else. */
  readonly externalId: string | undefined;
  /** Who assumes it: keys, or a token of an identity provider that the role trusts. */
  readonly by: S3Keys | WebIdentity;
  /** Told each secret that the role brings, so that it can be hidden from the log. */
  readonly hide: (secret: string) => void;
}

/** Makes a fresh token at each call: one lives for minutes only. */
export interface WebIdentity {
  readonly kind: 'webIdentity';
  readonly token: (signal: AbortSignal) => Promise<string>;
}

/** How to prove the right to a bucket. */
export type S3Credential = S3Keys | AssumedRole | { readonly kind: 'anonymous' };

/** Where a bucket is and how to prove the right to it. */
export interface S3Access {
  readonly bucket: string;
  readonly region: string;
  /** Root of a compatible store or of a private endpoint, without a slash at its end; undefined: AWS. */
  readonly endpoint: string | undefined;
  /** Whether the endpoint is asked for `/bucket/name` instead of for `name` at a host of the bucket's own. */
  readonly pathStyle: boolean;
  readonly credential: S3Credential;
}

/**
 * Checks the name of a bucket (or an access point's alias) and returns it.
 *
 * @throws DeliveryError `STORE_ADDRESS_INVALID`
 */
export function checkBucket(name: string): string {
  if (/^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) return name;
  throw new DeliveryError('STORE_ADDRESS_INVALID', {
    message: `${JSON.stringify(name)} cannot be the name of a bucket.`,
    remedy: 'Use the name alone, without s3:// or path: 3 to 63 small letters, digits, dots and hyphens.',
  });
}

/**
 * Checks the name of a region and returns it.
 *
 * @throws DeliveryError `STORE_ADDRESS_INVALID`
 */
export function checkRegion(name: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) return name;
  throw new DeliveryError('STORE_ADDRESS_INVALID', {
    message: `${JSON.stringify(name)} cannot be the name of a region.`,
    remedy: 'Use its code, such as eu-central-1; for a compatible store the one that its documentation names.',
  });
}

/**
 * The root of a store that is reached by an address of its own.
 *
 * @throws DeliveryError `STORE_ADDRESS_INVALID`
 */
export function checkEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.search === '') {
    return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  }
  throw new DeliveryError('STORE_ADDRESS_INVALID', {
    message: `${JSON.stringify(withoutCredentials(text))} is not the address of an S3 endpoint.`,
    remedy:
      'Use the root URL of the store, such as https://minio.example.com:9000, without the bucket and without keys.',
  });
}

/** Everything in a credential that must never be shown. An access key's id is a name, as CloudTrail shows it, and no secret. */
export function secretsOf(credential: S3Credential): readonly string[] {
  switch (credential.kind) {
    case 'keys': {
      const { secretAccessKey, sessionToken } = credential;
      return [secretAccessKey, sessionToken].flatMap((secret) =>
        secret === undefined ? [] : [secret, encodeURIComponent(secret)],
      );
    }
    case 'role':
      return [
        ...(credential.by.kind === 'keys' ? secretsOf(credential.by) : []),
        ...(credential.externalId === undefined ? [] : [credential.externalId]),
      ];
    case 'anonymous':
      return [];
  }
}

function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^/@]*@/, '//***@');
}
