// What a test of the model store begins with.
import type { ObjectStore } from '../../lib/model/stores/object-store.ts';
import { type BlobContainer, freshContainer, openContainer } from './blob-container.ts';
import { TestFolder } from './model-folder.ts';

export interface FreshStore {
  readonly container: BlobContainer;
  /** The project's own store on the container. */
  readonly store: ObjectStore;
  readonly folder: TestFolder;
}

/** Gives each test of a suite an empty container and folder of its own, and takes them away afterwards. */
export function useFreshStore(take: (fresh: FreshStore) => void): void {
  let fresh: FreshStore;
  beforeEach(async () => {
    const container = await freshContainer();
    fresh = { container, store: await openContainer(container), folder: new TestFolder() };
    take(fresh);
  });
  afterEach(async () => {
    fresh.folder.remove();
    await fresh.container.client.delete();
  });
}
