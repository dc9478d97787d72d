import { BlobServiceClient } from '@azure/storage-blob';
import type { Services } from '../services/services.ts';

/** Name of the container, as the example's pipelines have it. */
const CONTAINER = 'models';

/** Makes the container that a team would have made once in the portal. */
export async function prepareContainer({ blob }: Pick<Services, 'blob'>): Promise<void> {
  const service = BlobServiceClient.fromConnectionString(blob.connectionString);
  await service.getContainerClient(CONTAINER).createIfNotExists();
}
