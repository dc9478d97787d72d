// Blob storage: Azurite, Microsoft's emulator, which speaks the real protocol.
import { join } from 'node:path';
import { answersAt, isRunning, keepRunning, stopKept, waitUntilReady } from './processes.ts';
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

/** How a blob service is to run. */
export interface BlobServiceOptions {
  /** Name of its process and log. */
  readonly name: string;
  readonly port: number;
  readonly folder: string;
}

// Published by Microsoft as the emulator's fixed account and key: not a secret.
const ACCOUNT = 'devstoreaccount1';
const ACCOUNT_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const AZURITE = join(import.meta.dirname, '../../node_modules/azurite/dist/src/blob/main.js');
const DEFAULT: BlobServiceOptions = {
  name: 'blob',
  port: Number(process.env.MODEL_DELIVERY_BLOB_PORT ?? 10500),
  folder: statePath('blob'),
};

/** Starts a blob service unless it answers already. */
export async function startBlob(progress: Progress, options = DEFAULT): Promise<BlobService> {
  const { name, port, folder } = options;
  if (!(await isBlobUp(options))) {
    await progress.stage(`Starting blob storage on 127.0.0.1:${port}`, async () => {
      const listen = ['--blobHost', '127.0.0.1', '--blobPort', String(port)];
      keepRunning({
        name,
        command: process.execPath,
        args: [AZURITE, '--location', folder, ...listen, '--skipApiVersionCheck', '--silent', '--disableTelemetry'],
      });
      await waitUntilReady(name, async () => await isBlobUp(options), 30);
    });
  }
  const endpoint = `http://127.0.0.1:${port}/${ACCOUNT}`;
  return {
    endpoint,
    account: ACCOUNT,
    accountKey: ACCOUNT_KEY,
    connectionString:
      `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${ACCOUNT_KEY};` + `BlobEndpoint=${endpoint};`,
  };
}

export async function isBlobUp({ name, port } = DEFAULT): Promise<boolean> {
  return (
    isRunning(name) && (await answersAt(`http://127.0.0.1:${port}/${ACCOUNT}?comp=list`, (status) => status < 500))
  );
}

export async function stopBlob(name = DEFAULT.name): Promise<boolean> {
  return await stopKept(name);
}
