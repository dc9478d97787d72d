import { DeliveryError } from '../errors/delivery-error.ts';
import type { Reporter } from './progress.ts';
import { resolveModel } from './resolve.ts';
import type { ResolvedModel } from './resolved-model.ts';
import type { ModelSelection } from './selection.ts';
import type { ObjectStore } from './stores/object-store.ts';

/** A store that changes more often than this while a model is read is not at rest. */
const LOOKS = 5;

/**
 * Finds the model that a selection means, and uses it. A blob of a plain container that changes meanwhile, or a version that is pruned
 * meanwhile, makes it look again for what is wanted and use that from its beginning.
 *
 * @param reporter told when it looks again, and why
 * @throws DeliveryError those of {@link resolveModel}, and of `use`
 */
export async function withModel<Result>(
  store: ObjectStore,
  selection: ModelSelection,
  { reporter, signal }: { readonly reporter: Pick<Reporter, 'note'>; readonly signal: AbortSignal },
  use: (model: ResolvedModel) => Promise<Result>,
): Promise<Result> {
  let failed: { readonly uri: string; readonly error: Error } | undefined;
  for (let looks = 1; ; looks++) {
    const model = await resolveModel(store, selection, signal);
    // A version that is still there lacks a file for good.
    if (selection.layout === 'managed' && model.uri === failed?.uri) throw failed.error;
    try {
      return await use(model);
    } catch (error) {
      if (!isGone(error, selection) || looks === LOOKS) throw error;
      failed = { uri: model.uri, error };
      reporter.note(`${error.message} Looking again.`);
    }
  }
}

/** Whether another look may find another state: blobs of a plain container change at any time, versions only go, by pruning. */
function isGone(error: unknown, { layout }: ModelSelection): error is DeliveryError {
  const codes = layout === 'plain' ? ['BLOB_CHANGED', 'BLOB_NOT_FOUND'] : ['BLOB_NOT_FOUND'];
  return error instanceof DeliveryError && codes.includes(error.code);
}
