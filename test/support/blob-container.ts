// A fresh container of the local blob service, and the ways to reach it.
import { randomBytes } from 'node:crypto';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { type AzureAccess, fromConnectionString } from '../../lib/model/stores/azure-access.ts';
import { AzureBlobStore, type AzureStoreOptions } from '../../lib/model/stores/azure-blob.ts';
import type { BlobService } from '../../tools/services/blob.ts';
import { ensureServices } from '../../tools/services/services.ts';

export interface BlobContainer {
  readonly service: BlobService;
  readonly name: string;
  /** Microsoft's own client, to look at and change things behind the project's back. */
  readonly client: ContainerClient;
  readonly access: AzureAccess;
}

export async function freshContainer(): Promise<BlobContainer> {
  const { blob: service } = await ensureServices(['blob']);
  const name = `test-${randomBytes(6).toString('hex')}`;
  const client = BlobServiceClient.fromConnectionString(service.connectionString).getContainerClient(name);
  await client.create();
  return { service, name, client, access: { ...fromConnectionString(service.connectionString), container: name } };
}

/** The project's own store on a container; through another origin, such as a proxy's, where one is given. */
export async function openContainer(
  { access }: BlobContainer,
  { origin, ...options }: AzureStoreOptions & { readonly origin?: string } = {},
): Promise<AzureBlobStore> {
  const endpoint = origin === undefined ? access.endpoint : `${origin}${new URL(access.endpoint).pathname}`;
  return AzureBlobStore.open({ ...access, endpoint }, options);
}

export async function put({ client }: BlobContainer, name: string, content: string | Buffer): Promise<void> {
  const bytes = Buffer.from(content);
  await client.getBlockBlobClient(name).upload(bytes, bytes.length);
}

/** Names of all blobs, in order. */
export async function namesIn({ client }: BlobContainer): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of client.listBlobsFlat()) names.push(name);
  return names;
}
