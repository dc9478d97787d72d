// Blob storage: Azurite, Microsoft's emulator, which speaks the real protocol.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { portOf, requireFree } from './ports.ts';
import { answersAt, isRunning, keepRunning, type Program, stopKept, waitUntilReady } from './processes.ts';
import type { Progress } from './stages.ts';
import { statePath } from './state-folder.ts';

/** A running blob service, with all that a client needs. */
export interface BlobService {
  /** Such as `http://127.0.0.1:10500/devstoreaccount1`. */
  readonly endpoint: string;
  readonly account: string;
  readonly accountKey: string;
  readonly connectionString: string;
}

// Published by Microsoft as the emulator's fixed account and key: not a secret.
const ACCOUNT = 'devstoreaccount1';
const ACCOUNT_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const AZURITE = join(import.meta.dirname, '../../node_modules/azurite/dist/src/blob/main.js');
const NAME = 'blob';
const PORT_VARIABLE = 'MODEL_DELIVERY_BLOB_PORT';

function port(): number {
  return portOf(PORT_VARIABLE, 10500);
}

/** Where a blob service without TLS answers. */
export function originAt(at: number): string {
  return `http://127.0.0.1:${at}`;
}

/** What a client of the blob service at an origin, such as `http://127.0.0.1:10500`, needs. */
export function blobServiceAt(origin: string): BlobService {
  const endpoint = `${origin}/${ACCOUNT}`;
  const protocol = new URL(origin).protocol.replace(':', '');
  return {
    endpoint,
    account: ACCOUNT,
    accountKey: ACCOUNT_KEY,
    connectionString: `DefaultEndpointsProtocol=${protocol};AccountName=${ACCOUNT};AccountKey=${ACCOUNT_KEY};BlobEndpoint=${endpoint};`,
  };
}

/** Files of a server's certificate and key, as PEM. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
}

/**
 * Lets the emulator use up to 2 GiB before it looks for garbage. Otherwise it looks each time 64 MiB of bodies have gone
 * through it, which takes more than half of its processor time.
 */
const FOR_LARGE_BODIES = ['--external-memory-accounted-in-global-limit', '--initial-old-space-size=2048'];

/**
 * The program that serves blobs at a port and keeps them in a folder; over TLS it takes Entra's tokens too.
 *
 * @param largeBodies spends memory, 2 GiB of it, for speed
 */
export function blobProgram(
  at: number,
  folder: string,
  { tls, largeBodies = false }: { readonly tls?: TlsFiles; readonly largeBodies?: boolean } = {},
): Program {
  const listen = ['--blobHost', '127.0.0.1', '--blobPort', String(at)];
  const entra = tls === undefined ? [] : ['--cert', tls.certificate, '--key', tls.key, '--oauth', 'basic'];
  return {
    command: process.execPath,
    args: [
      ...(largeBodies ? FOR_LARGE_BODIES : []),
      AZURITE,
      '--location',
      folder,
      ...listen,
      ...entra,
      '--skipApiVersionCheck',
      '--silent',
      '--disableTelemetry',
    ],
  };
}

/** Whether a blob service answers at a port. */
export async function blobAnswers(at: number): Promise<boolean> {
  return await answersAt(`http://127.0.0.1:${at}/${ACCOUNT}?comp=list`, (status) => status < 500);
}

/** The blob service that was started here, when it answers. */
export async function findBlob(): Promise<BlobService | undefined> {
  return isRunning(NAME) && (await blobAnswers(port())) ? blobServiceAt(originAt(port())) : undefined;
}

/** Starts the blob service unless it answers already. */
export async function startBlob(progress: Progress): Promise<BlobService> {
  const found = await findBlob();
  if (found !== undefined) return found;
  const at = port();
  if (!isRunning(NAME)) await requireFree(at, PORT_VARIABLE);
  await progress.stage(`Starting blob storage on 127.0.0.1:${at}`, async () => {
    const folder = statePath('blob');
    await mkdir(folder, { recursive: true });
    keepRunning({ name: NAME, ...blobProgram(at, folder) });
    await waitUntilReady(NAME, async () => await blobAnswers(at), 30);
  });
  return blobServiceAt(originAt(at));
}

export async function stopBlob(): Promise<boolean> {
  return await stopKept(NAME);
}
