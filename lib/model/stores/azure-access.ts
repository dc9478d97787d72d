import { DeliveryError } from '../../errors/delivery-error.ts';
import { isLoopback } from '../../http/proxy.ts';

/** How to prove the right to a container of Azure Blob Storage. */
export type AzureCredential =
  | { readonly kind: 'key'; readonly accountKey: string }
  | { readonly kind: 'sas'; readonly token: string }
  | {
      /** A token of Microsoft Entra. */
      readonly kind: 'token';
      /** A token that is valid now; asked for each request, because tokens end in the middle of long transfers. Not `refused`. */
      readonly token: (refused?: string) => Promise<string>;
      /** Whose tokens they are, for messages: `the application 1f0c…`. */
      readonly identity: string;
    }
  | { readonly kind: 'anonymous' };

/** Where a container is and how to prove the right to it. */
export interface AzureAccess {
  readonly account: string;
  /** Blob endpoint of the account, such as `https://shop.blob.core.windows.net`, without a slash at its end. */
  readonly endpoint: string;
  readonly container: string;
  readonly credential: AzureCredential;
}

// https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
const DEVELOPMENT = {
  AccountName: 'devstoreaccount1',
  // The emulator's well-known key, the same on every machine.
  AccountKey: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
  BlobEndpoint: 'http://127.0.0.1:10000/devstoreaccount1',
};

/**
 * The endpoint of a storage account given by name or by its blob endpoint's URL (custom domains, emulators).
 *
 * @param suffix the cloud's, for accounts given by name
 * @throws DeliveryError `STORE_ADDRESS_INVALID`
 */
export function accountAddress(
  storageAccount: string,
  suffix = 'core.windows.net',
): Pick<AzureAccess, 'account' | 'endpoint'> {
  if (/^[a-z0-9]{3,24}$/.test(storageAccount)) {
    return { account: storageAccount, endpoint: `https://${storageAccount}.blob.${suffix}` };
  }
  const url = URL.canParse(storageAccount) ? new URL(storageAccount) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new DeliveryError('STORE_ADDRESS_INVALID', {
      message: `"${storageAccount}" is neither the name of a storage account nor the URL of a blob endpoint.`,
      remedy:
        'Use a name of 3 to 24 small letters and digits, or a URL such as https://myaccount.blob.core.windows.net.',
    });
  }
  const address = endpointAddress(url);
  if (/^[a-z0-9]+\.blob\./.test(url.hostname) && new URL(address.endpoint).pathname !== '/') {
    throw new DeliveryError('STORE_ADDRESS_INVALID', {
      message: `"${storageAccount}" has the path ${url.pathname}, and the blob endpoint of a storage account has none.`,
      remedy: `Use ${url.origin}, and give the name of the container as container.`,
    });
  }
  return address;
}

/**
 * Checks the name of a container and returns it.
 *
 * @throws DeliveryError `STORE_ADDRESS_INVALID`
 */
export function checkContainer(name: string): string {
  if (/^(?:\$root|\$web|(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*)$/.test(name)) return name;
  throw new DeliveryError('STORE_ADDRESS_INVALID', {
    message: `${JSON.stringify(name)} cannot be the name of a container.`,
    remedy: 'Use the name alone, without account or path: 3 to 63 small letters, digits and single hyphens.',
  });
}

/**
 * Reads a storage account's connection string, as the portal shows it under "Access keys" or "Shared access signature".
 *
 * @throws DeliveryError `CONNECTION_STRING_INVALID`, `ACCOUNT_KEY_INVALID`, `SAS_INVALID`
 */
export function fromConnectionString(connectionString: string): Omit<AzureAccess, 'container'> {
  const fields = fieldsOf(connectionString);
  const address = connectionAddress(fields);
  if (fields.AccountKey !== undefined) return { ...address, credential: keyCredential(fields.AccountKey) };
  if (fields.SharedAccessSignature !== undefined) {
    return { ...address, credential: sasCredential(fields.SharedAccessSignature) };
  }
  throw connectionStringError('holds neither AccountKey nor SharedAccessSignature');
}

/** @throws DeliveryError `ACCOUNT_KEY_INVALID` */
export function keyCredential(accountKey: string): AzureCredential {
  const key = accountKey.trim();
  // Keys are 64 bytes; base64 that Node would silently cut short is a copy that went wrong.
  if (Buffer.from(key, 'base64').toString('base64') !== key || key.length < 44) {
    throw new DeliveryError('ACCOUNT_KEY_INVALID', {
      message: `The account key is not one: it has ${key.length} characters, and a key is 88 characters of base64.`,
      remedy: 'Copy key1 or key2 whole from the portal (storage account → Access keys) into the secret variable.',
    });
  }
  return { kind: 'key', accountKey: key };
}

/**
 * Takes a shared access signature as a token, with or without its question mark, or as part of a URL.
 *
 * @throws DeliveryError `SAS_INVALID`, `STORE_UNAUTHORIZED` where it has expired
 */
export function sasCredential(sas: string, now: Date = new Date()): AzureCredential {
  const token = sas.trim().replace(/^[^?]*\?/, '');
  const fields = new URLSearchParams(token);
  if (!fields.has('sig') || !(fields.has('se') || fields.has('si'))) {
    throw new DeliveryError('SAS_INVALID', {
      message: `The shared access signature is not one: it lacks ${fields.has('sig') ? 'se (its expiry)' : 'sig (the signature)'}.`,
      remedy: 'Copy the whole SAS token (sv=…&sig=…) or SAS URL from the portal into the secret variable.',
    });
  }
  const expiry = new Date(fields.get('se') ?? NaN);
  if (expiry < now) {
    throw new DeliveryError('STORE_UNAUTHORIZED', {
      message: `The shared access signature expired on ${expiry.toISOString()}.`,
      remedy: 'Make a new one and put it into the secret variable.',
    });
  }
  return { kind: 'sas', token };
}

/**
 * Refuses to send what opens the container to whoever listens on the way. A key is never sent itself: it signs.
 *
 * @throws DeliveryError `STORE_ADDRESS_INVALID`
 */
export function checkTransport({ endpoint, credential }: AzureAccess): void {
  const { protocol, hostname } = new URL(endpoint);
  if (protocol === 'https:' || isLoopback(hostname) || !['token', 'sas'].includes(credential.kind)) return;
  throw new DeliveryError('STORE_ADDRESS_INVALID', {
    message: `${endpoint} does not speak HTTPS, so the ${credential.kind === 'sas' ? 'signature' : 'token'} would be sent in the clear.`,
    remedy: 'Use an address that begins with https.',
  });
}

/** When a shared access signature ends, for messages; undefined where it does not say. */
export function expiryOf(token: string): string | undefined {
  return new URLSearchParams(token).get('se') ?? undefined;
}

/** Everything in an access that must never be shown, in each spelling in which it could appear. */
export function secretsOf(credential: AzureCredential): readonly string[] {
  switch (credential.kind) {
    case 'key':
      return [credential.accountKey, encodeURIComponent(credential.accountKey)];
    case 'sas': {
      const signature = new URLSearchParams(credential.token).get('sig') ?? '';
      return [credential.token, signature, encodeURIComponent(signature)];
    }
    case 'token':
    case 'anonymous':
      return [];
  }
}

function endpointAddress(url: URL): Pick<AzureAccess, 'account' | 'endpoint'> {
  const path = url.pathname.replace(/\/+$/, '');
  // Emulators and private clouds that are addressed by host and port carry the account as the first part of the path.
  const account = path === '' ? (url.hostname.split('.')[0] ?? '') : path.slice(1);
  return { account, endpoint: `${url.origin}${path}` };
}

function fieldsOf(connectionString: string): Readonly<Partial<Record<string, string>>> {
  const pairs = connectionString
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => /^(\w+)=(.*)$/s.exec(part));
  if (pairs.length === 0 || pairs.some((pair) => pair === null)) {
    throw connectionStringError('is not a list of Name=value parts');
  }
  const fields = Object.fromEntries(pairs.map((pair) => [pair?.[1], pair?.[2]])) as Partial<Record<string, string>>;
  return fields.UseDevelopmentStorage?.toLowerCase() === 'true' ? DEVELOPMENT : fields;
}

function connectionAddress(
  fields: Readonly<Partial<Record<string, string>>>,
): Pick<AzureAccess, 'account' | 'endpoint'> {
  if (fields.BlobEndpoint !== undefined) {
    if (!URL.canParse(fields.BlobEndpoint)) throw connectionStringError('has a BlobEndpoint that is not a URL');
    const address = endpointAddress(new URL(fields.BlobEndpoint));
    return { ...address, account: fields.AccountName ?? address.account };
  }
  if (fields.AccountName === undefined) throw connectionStringError('holds neither AccountName nor BlobEndpoint');
  const protocol = fields.DefaultEndpointsProtocol ?? 'https';
  const host = `${fields.AccountName}.blob.${fields.EndpointSuffix ?? 'core.windows.net'}`;
  if (protocol !== 'https' && !isLoopback(host)) {
    throw connectionStringError(`asks for ${protocol}, which would send the model and its keys in the clear`);
  }
  return { account: fields.AccountName, endpoint: `${protocol}://${host}` };
}

function connectionStringError(problem: string): DeliveryError {
  return new DeliveryError('CONNECTION_STRING_INVALID', {
    message: `The connection string ${problem}.`,
    remedy: 'Copy it whole from the portal (storage account → Access keys) into the secret variable.',
  });
}
