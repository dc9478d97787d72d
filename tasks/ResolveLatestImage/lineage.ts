/** What an image says about where it comes from, in the labels that BundleModelImage gives it. */
export interface ImageLineage {
  /** Commit of the app. */
  readonly revision: string | undefined;
  readonly base: { readonly name: string | undefined; readonly digest: string | undefined };
  /** `content` is what tells the states of a plain store apart (see `contentOf`). */
  readonly model: Readonly<Record<'name' | 'version' | 'digest' | 'content' | 'uri', string | undefined>>;
}

export function lineageOf(labels: Readonly<Record<string, string | undefined>>): ImageLineage {
  return {
    revision: labels['org.opencontainers.image.revision'],
    base: {
      name: labels['org.opencontainers.image.base.name'],
      digest: labels['org.opencontainers.image.base.digest'],
    },
    model: {
      name: labels['model-delivery.model.name'],
      version: labels['model-delivery.model.version'],
      digest: labels['model-delivery.model.digest'],
      content: labels['model-delivery.model.content'],
      uri: labels['model-delivery.model.uri'],
    },
  };
}
