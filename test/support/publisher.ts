// A program that publishes or prunes, for tests that end it in the middle: `node publisher.ts JSON`.
import { pathToFileURL } from 'node:url';
import { type Pruning, pruneModel } from '../../lib/model/prune.ts';
import { type Publication, publishModel } from '../../lib/model/publish.ts';
import type { AzureAccess } from '../../lib/model/stores/azure-access.ts';
import { AzureBlobStore } from '../../lib/model/stores/azure-blob.ts';
import { silent } from './model-folder.ts';

export interface Order {
  readonly access: AzureAccess;
  readonly publication?: Publication;
  /** Its time is the moment in which it runs. */
  readonly pruning?: Omit<Pruning, 'now'>;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { access, publication, pruning } = JSON.parse(process.argv[2] ?? '') as Order;
  const store = await AzureBlobStore.open(access);
  const { signal } = new AbortController();
  if (publication !== undefined) await publishModel(store, publication, silent, signal);
  if (pruning !== undefined) await pruneModel(store, { ...pruning, now: new Date() }, silent, signal);
  process.exit(0);
}
