// A fresh bucket of an S3 emulator, and the ways to reach it.
import { randomBytes } from 'node:crypto';
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createDirectReader, createDispatcher } from '../../lib/http/dispatcher.ts';
import type { S3Access, S3Credential } from '../../lib/model/stores/s3-access.ts';
import { S3Store } from '../../lib/model/stores/s3.ts';
import { type CallerKeys } from '../../tools/services/s3/callers.ts';
import { type S3Emulator, startS3Emulator } from '../../tools/services/s3/emulator.ts';

const NEVER = new AbortController().signal;

export interface S3Bucket {
  readonly emulator: S3Emulator;
  readonly name: string;
  /** Amazon's own client, to look at and change things behind the project's back. */
  readonly client: S3Client;
  readonly access: S3Access;
}

/** Limits of a store, shortened for a test. */
export interface S3TestOptions {
  /** Another address of the emulator, such as a proxy's. */
  readonly origin?: string;
  readonly credential?: S3Credential;
  /** In milliseconds. */
  readonly idleLimit?: number;
  readonly pageSize?: number;
}

let shared: Promise<S3Emulator> | undefined;

/** The emulator that tests of one process share, each with buckets of its own. */
export function sharedS3(): Promise<S3Emulator> {
  shared ??= startS3Emulator();
  return shared;
}

export async function freshBucket(emulator?: S3Emulator): Promise<S3Bucket> {
  const on = emulator ?? (await sharedS3());
  const name = `test-${randomBytes(6).toString('hex')}`;
  on.createBucket(name);
  const { endpoint, region, keys } = on;
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: keys });
  return {
    emulator: on,
    name,
    client,
    access: { bucket: name, region, endpoint, pathStyle: true, credential: credentialOf(keys) },
  };
}

/** Keys as the project's store takes them. */
export function credentialOf({ accessKeyId, secretAccessKey, sessionToken }: CallerKeys): S3Credential {
  return { kind: 'keys', accessKeyId, secretAccessKey, sessionToken };
}

/** The project's own store on a bucket. */
export async function openBucket({ access }: S3Bucket, options: S3TestOptions = {}): Promise<S3Store> {
  const { origin, credential = access.credential, idleLimit = 30_000, pageSize } = options;
  const limits = { connect: 10_000, idle: idleLimit };
  const [dispatcher, direct] = [createDispatcher({}, {}, limits), createDirectReader({}, {}, limits)];
  return S3Store.open(
    { ...access, credential, ...(origin === undefined ? {} : { endpoint: origin }) },
    { dispatcher, direct, signal: NEVER, ...(pageSize === undefined ? {} : { pageSize }) },
  );
}

export async function putObject({ client, name }: S3Bucket, key: string, content: string | Buffer): Promise<void> {
  await client.send(new PutObjectCommand({ Bucket: name, Key: key, Body: content }));
}

export async function deleteObject({ client, name }: S3Bucket, key: string): Promise<void> {
  await client.send(new DeleteObjectCommand({ Bucket: name, Key: key }));
}

/** Names of all objects, in order. */
export async function objectsIn({ client, name }: S3Bucket): Promise<readonly string[]> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: name }));
  return Contents.map(({ Key = '' }) => Key);
}
