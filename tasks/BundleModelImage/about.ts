import type { Agent } from '../../lib/agent/agent.ts';
import { repositoryAddress } from '../../lib/agent/model-source.ts';
import { timestamp } from '../../lib/oci/append.ts';
import type { BaseImage } from '../../lib/oci/base-image.ts';
import type { AddedLabels } from '../../lib/oci/labels.ts';
import type { BundledModel } from './model-source.ts';

/**
 * What an image says about itself, in labels and annotations: the standard keys of the OCI image specification
 * ("Pre-Defined Annotation Keys"), and the model's own. What of these is not known is not what the base says, either: its
 * version and sources, its own base, and a model that is no longer the one in the image.
 */
export function aboutImage(
  agent: Agent,
  model: BundledModel | undefined,
  tags: readonly string[],
  created: Date,
): (base: BaseImage) => AddedLabels {
  return (base) => ({
    'org.opencontainers.image.created': timestamp(created),
    'org.opencontainers.image.revision': agent.variable('Build.SourceVersion'),
    'org.opencontainers.image.source': repositoryAddress(agent),
    'org.opencontainers.image.version': tags[0],
    'org.opencontainers.image.base.name': base.source.publicName,
    // A digest without a name is of no use to anybody, and may be that of an archive made a moment ago.
    'org.opencontainers.image.base.digest': base.source.publicName && base.digest,
    'org.opencontainers.image.ref.name': undefined,
    ...(model === undefined ? {} : aboutModel(model)),
  });
}

/** Where a Dockerfile has copied the model, nothing is known of its layers; else their labels come with them. */
function aboutModel({ name, version, digest, uri }: BundledModel): AddedLabels {
  return {
    'model-delivery.model.name': name,
    'model-delivery.model.version': version,
    'model-delivery.model.digest': digest,
    'model-delivery.model.uri': uri,
    'model-delivery.model.content': undefined,
    'model-delivery.model.packing': undefined,
    'model-delivery.model.layers': undefined,
  };
}
