// S3: an emulator behind a guard that makes it strict (see s3/emulator.ts).
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { portOf, requireFree } from './ports.ts';
import { answersAt, isRunning, keepRunning, stopKept, waitUntilReady } from './processes.ts';
import { S3_KEYS, S3_REGION } from './s3/emulator.ts';
import type { Progress } from './stages.ts';
import { statePath } from './state-folder.ts';

/** A running S3 service, with all that a client needs. */
export interface S3Service {
  /** Such as `http://127.0.0.1:10600`; buckets stand in the path. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const NAME = 's3';
const PORT_VARIABLE = 'MODEL_DELIVERY_S3_PORT';
const SERVE = join(import.meta.dirname, 's3', 'serve.ts');

function port(): number {
  return portOf(PORT_VARIABLE, 10600);
}

function serviceAt(at: number): S3Service {
  const { accessKeyId, secretAccessKey } = S3_KEYS;
  return { endpoint: `http://127.0.0.1:${at}`, region: S3_REGION, accessKeyId, secretAccessKey };
}

/** Whether S3 answers at a port: whoever does not sign is refused. */
async function s3Answers(at: number): Promise<boolean> {
  return await answersAt(`http://127.0.0.1:${at}/`, (status) => status === 403);
}

/** The S3 service that was started here, when it answers. */
export async function findS3(): Promise<S3Service | undefined> {
  return isRunning(NAME) && (await s3Answers(port())) ? serviceAt(port()) : undefined;
}

/** Starts the S3 service unless it answers already. */
export async function startS3(progress: Progress): Promise<S3Service> {
  const found = await findS3();
  if (found !== undefined) return found;
  const at = port();
  if (!isRunning(NAME)) await requireFree(at, PORT_VARIABLE);
  await progress.stage(`Starting S3 on 127.0.0.1:${at}`, async () => {
    const folder = statePath('s3');
    await mkdir(folder, { recursive: true });
    keepRunning({ name: NAME, command: process.execPath, args: [SERVE, String(at), folder] });
    await waitUntilReady(NAME, async () => await s3Answers(at), 30);
  });
  return serviceAt(at);
}

export async function stopS3(): Promise<boolean> {
  return await stopKept(NAME);
}
