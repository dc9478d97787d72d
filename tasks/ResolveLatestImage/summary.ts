import { code, facts as factTable } from '../../lib/agent/markdown.ts';
import type { FoundImage } from '../../lib/oci/newest/found-image.ts';
import type { Deployed } from './deployed.ts';
import type { Gates } from './gates.ts';
import type { ImageLineage } from './lineage.ts';

interface Resolution {
  /** By its digest. */
  readonly image: string;
  readonly found: FoundImage;
  readonly lineage: ImageLineage;
  readonly deployed: Deployed | undefined;
  readonly gates: Gates;
  /** Undefined where nobody asked. */
  readonly modelIsLatest: boolean | undefined;
}

/** What was found, for the JSON attachment from which lineage is drawn. */
export interface ResolutionFacts extends Readonly<Record<string, unknown>> {
  readonly image: string;
  readonly imageDigest: string;
  readonly imageTags: readonly string[];
  readonly platforms: readonly string[];
  readonly created: string | undefined;
  readonly pushed: string | undefined;
  readonly app: { readonly revision: string | undefined };
  readonly model: ImageLineage['model'];
  readonly base: ImageLineage['base'];
  readonly deployedImage: string | undefined;
  /** Whether something else is deployed, or nothing. */
  readonly changed: boolean;
  readonly modelIsLatest: boolean | undefined;
  /** What was looked at and found to be so. */
  readonly checked: readonly string[];
}

export function factsOf({ image, found, lineage, deployed, gates, modelIsLatest }: Resolution): ResolutionFacts {
  return {
    image,
    imageDigest: found.digest,
    imageTags: found.tags,
    platforms: found.platforms,
    created: found.created?.toISOString(),
    pushed: found.pushed?.toISOString(),
    app: { revision: lineage.revision },
    model: lineage.model,
    base: lineage.base,
    deployedImage: deployed?.image,
    changed: isChanged(found, deployed),
    modelIsLatest,
    checked: checksOf(gates, modelIsLatest),
  };
}

/** Pods that are being replaced run two images; then the newer one is not all that is deployed. */
function isChanged({ digest, platformDigests }: FoundImage, deployed: Deployed | undefined): boolean {
  const own = [digest, ...platformDigests];
  const running = deployed?.digests ?? [];
  return running.length === 0 || !running.every((each) => own.includes(each));
}

function checksOf({ provenance, key, maxAgeDays }: Gates, modelIsLatest: boolean | undefined): readonly string[] {
  return [
    ...(provenance ? ['has provenance'] : []),
    ...(key === undefined ? [] : [`is signed by the key ${key.fingerprint}`]),
    ...(maxAgeDays === undefined ? [] : [`is at most ${maxAgeDays} days old`]),
    ...(modelIsLatest === true ? ['carries the newest model of the store'] : []),
  ];
}

/** The page that the run's summary tab shows of what was found. */
export function summaryOf(facts: ResolutionFacts): string {
  const {
    image,
    changed,
    imageTags,
    platforms,
    created,
    pushed,
    app,
    model,
    base,
    deployedImage,
    checked,
    modelIsLatest,
  } = facts;
  return [
    `## ${changed ? '🆕 To be rolled out' : '✅ Unchanged: deployed already'}`,
    code(image),
    factTable([
      ['Tags', imageTags.map(code).join(', ')],
      ['Platforms', platforms.join(', ')],
      ...rowsOf({ Created: created, Pushed: pushed }),
      ['App commit', known(app.revision)],
      ['Model', known(model.name, model.version, model.digest, model.uri)],
      ...(modelIsLatest === false ? [['Newer model', 'the store has one'] as const] : []),
      ['Base', known(base.name, base.digest)],
      ['Deployed', deployedImage === undefined ? 'nothing, as far as is known' : code(deployedImage)],
      ...checked.map((check) => ['Checked', check] as const),
    ]),
    '',
  ].join('\n\n');
}

function known(...parts: readonly (string | undefined)[]): string {
  const there = parts.flatMap((part) => part ?? []);
  return there.length === 0 ? 'unknown' : there.map(code).join(' ');
}

function rowsOf(times: Readonly<Record<string, string | undefined>>): readonly (readonly [string, string])[] {
  return Object.entries(times).flatMap(([name, time]) => (time === undefined ? [] : [[name, time]]));
}
