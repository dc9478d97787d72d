// A program that fetches, for tests that end it in the middle: `node fetcher.ts JSON`. It says `ready` before its first request.
import { pathToFileURL } from 'node:url';
import { fetchModel } from '../../lib/model/fetch.ts';
import type { ModelSelection } from '../../lib/model/selection.ts';
import type { AzureAccess } from '../../lib/model/stores/azure-access.ts';
import { AzureBlobStore } from '../../lib/model/stores/azure-blob.ts';
import { silent } from './model-folder.ts';

export interface FetchOrder {
  readonly access: AzureAccess;
  readonly selection: ModelSelection;
  readonly destination: string;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { access, selection, destination } = JSON.parse(process.argv[2] ?? '') as FetchOrder;
  const store = await AzureBlobStore.open(access);
  console.log('ready');
  await fetchModel(store, selection, destination, silent, new AbortController().signal);
  process.exit(0);
}
