import type { Agent } from '../../lib/agent/agent.ts';
import { timestamp } from '../../lib/oci/append.ts';
import type { BaseImage } from '../../lib/oci/base-image.ts';
import type { BundledModel } from './model-source.ts';

/**
 * What an image says about itself, in labels and annotations: the standard keys of the OCI image specification
 * ("Pre-Defined Annotation Keys"), and the model's own.
 */
export function aboutImage(
  agent: Agent,
  model: BundledModel | undefined,
  tags: readonly string[],
  created: Date,
): (base: BaseImage) => Readonly<Record<string, string>> {
  return (base) =>
    present({
      'org.opencontainers.image.created': timestamp(created),
      'org.opencontainers.image.revision': agent.variable('Build.SourceVersion'),
      'org.opencontainers.image.source': withoutCredentials(agent.variable('Build.Repository.Uri')),
      'org.opencontainers.image.version': tags[0],
      'org.opencontainers.image.base.name': base.source.publicName,
      // A digest without a name is of no use to anybody, and may be that of an archive made a moment ago.
      'org.opencontainers.image.base.digest': base.source.publicName && base.digest,
      'model-delivery.model.name': model?.name,
      'model-delivery.model.version': model?.version,
      'model-delivery.model.digest': model?.digest,
      'model-delivery.model.uri': model?.uri,
    });
}

function present(values: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]])),
  );
}

/** Repository addresses may carry a user name and token, and labels are for everybody to read. */
function withoutCredentials(address: string | undefined): string | undefined {
  if (address === undefined || !URL.canParse(address)) return address;
  const url = new URL(address);
  url.username = '';
  url.password = '';
  url.search = '';
  return url.href;
}
