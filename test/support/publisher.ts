// A program that publishes, for tests that end it in the middle: `node publisher.ts JSON`.
import { pathToFileURL } from 'node:url';
import { type Publication, publishModel } from '../../lib/model/publish.ts';
import type { AzureAccess } from '../../lib/model/stores/azure-access.ts';
import { AzureBlobStore } from '../../lib/model/stores/azure-blob.ts';
import { silent } from './model-folder.ts';

export interface Order {
  readonly access: AzureAccess;
  readonly publication: Publication;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { access, publication } = JSON.parse(process.argv[2] ?? '') as Order;
  const store = await AzureBlobStore.open(access);
  await publishModel(store, publication, silent, new AbortController().signal);
  process.exit(0);
}
