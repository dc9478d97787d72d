import { code, facts as factTable, table } from '../../lib/agent/markdown.ts';
import { formatBytes } from '../../lib/agent/quantities.ts';
import { formatPlatform } from '../../lib/oci/image.ts';
import { formatRepository, type RepositoryName } from '../../lib/oci/image-name.ts';
import type { PushedImage } from '../../lib/oci/push-image.ts';
import type { Attached } from './attachments.ts';
import type { BundledModel } from './model-source.ts';
import type { MadeImage, Output } from './output.ts';

/** What a run did, for the JSON attachment from which lineage is drawn. */
export interface BundleFacts extends Readonly<Record<string, unknown>> {
  readonly output: Output;
  readonly image: string;
  readonly imageDigest: string;
  readonly imageTags: readonly string[];
  readonly imageChanged: boolean;
  readonly repository: string;
  readonly platforms: readonly string[];
  readonly skippedPlatforms: readonly string[];
  readonly base: { readonly name: string; readonly digest: string };
  readonly app: { readonly revision: string | undefined };
  readonly model: Readonly<Record<'name' | 'version' | 'digest' | 'uri', string | undefined>> | undefined;
  readonly modelLayers: readonly string[];
  readonly layers: PushedImage['layers'];
  readonly bytesSent: number;
  readonly bytesReused: number;
  readonly attached: Attached;
}

export function factsOf(
  { image, digest, changed, base, layers, bytesSent, bytesReused }: MadeImage,
  {
    output,
    target,
    tags,
    model,
    revision,
    attached,
  }: {
    readonly output: Output;
    readonly target: RepositoryName;
    readonly tags: readonly string[];
    readonly model: BundledModel | undefined;
    readonly revision: string | undefined;
    readonly attached: Attached;
  },
): BundleFacts {
  return {
    output,
    image,
    imageDigest: digest,
    imageTags: tags,
    imageChanged: changed,
    repository: formatRepository(target),
    platforms: base.images.map(({ platform }) => formatPlatform(platform)),
    skippedPlatforms: base.skipped,
    base: { name: base.source.publicName ?? base.source.name, digest: base.digest },
    app: { revision },
    model: model && { name: model.name, version: model.version, digest: model.digest, uri: model.uri },
    modelLayers: layers.filter(({ group }) => group === 'model').map((layer) => layer.digest),
    layers,
    bytesSent,
    bytesReused,
    attached,
  };
}

const FATES = {
  sent: 'sent',
  mounted: 'reused from another repository',
  reused: 'reused',
  written: 'written',
} as const;

const LOCAL_HEADS = {
  docker: '✅ Image in the Docker engine of the agent, pushed nowhere',
  folder: '✅ Image in a folder of the agent, pushed nowhere',
} as const;

/** The page that the run's summary tab shows of an image. */
export function summaryOf(facts: BundleFacts): string {
  const { output, image, imageTags, platforms, skippedPlatforms, layers, bytesSent, bytesReused } = facts;
  return [
    `## ${headOf(facts)}`,
    code(image),
    `Tags ${imageTags.map(code).join(', ')} · ${platforms.join(', ')}`,
    ...(output === 'registry' ? [`**${formatBytes(bytesSent)} sent**, ${formatBytes(bytesReused)} reused`] : []),
    ...(skippedPlatforms.length === 0
      ? []
      : [`Left out, for only Linux can be built upon: ${skippedPlatforms.join(', ')}`]),
    factTable(lineageOf(facts)),
    table(['Layer', 'Digest', 'Size', ''], layers.map(rowOf)),
    '',
  ].join('\n\n');
}

function headOf({ output, imageChanged }: BundleFacts): string {
  if (output !== 'registry') return LOCAL_HEADS[output];
  return imageChanged ? '✅ Image pushed' : '✅ Unchanged: the registry has this very image';
}

/** The page of an image that only got tags. */
export function tagSummary({
  image,
  imageTags,
  imageChanged,
}: Pick<BundleFacts, 'image' | 'imageTags' | 'imageChanged'>): string {
  const head = imageChanged ? '✅ Image tagged' : '✅ Unchanged: all tags pointed at this very image';
  return [`## ${head}`, code(image), `Tags ${imageTags.map(code).join(', ')}`, ''].join('\n\n');
}

function rowOf({ group, name, digest, size, fate }: PushedImage['layers'][number]): readonly string[] {
  return [group === 'base' ? 'base' : code(name), code(digest.slice(0, 19)), formatBytes(size), FATES[fate]];
}

/** What went into the image, so that anyone can tell. */
function lineageOf({ base, app, model, attached }: BundleFacts): readonly (readonly [string, string])[] {
  const known = [model?.name, model?.version, model?.digest, model?.uri].flatMap((part) => part ?? []);
  return [
    ['Base', `${code(base.name)} ${code(base.digest)}`],
    ['App commit', app.revision === undefined ? 'unknown' : code(app.revision)],
    ['Model', model === undefined ? 'none' : known.map(code).join(' ')],
    ...rowsOf({ SBOM: attached.sbom, Provenance: attached.provenance, Signature: attached.signature }),
  ];
}

function rowsOf(digests: Readonly<Record<string, string | undefined>>): readonly (readonly [string, string])[] {
  return Object.entries(digests).flatMap(([name, digest]) => (digest === undefined ? [] : [[name, code(digest)]]));
}
