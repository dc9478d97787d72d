import { createHash } from 'node:crypto';
import type { Component, CycloneDx, ExternalReference, ModelCard, Property } from './cyclonedx.ts';
import type { LockedPackage } from './locked-package.ts';
import { imageUrl, packageUrl } from './package-url.ts';
import { type BaseSubject, hexadecimal, type ImageSubject, type ModelSubject } from './subject.ts';

/** A package together with the lock file that pins it. */
export interface FoundPackage extends LockedPackage {
  /** Path of the lock file within the app. */
  readonly lockFile: string;
}

/** What an image is made of. */
export interface Ingredients {
  readonly image: ImageSubject;
  readonly base: BaseSubject | undefined;
  readonly model: ModelSubject | undefined;
  readonly packages: readonly FoundPackage[];
  /** When the image's content came to be; never the clock. */
  readonly created: Date;
}

/** The media type of {@link softwareBill} (IANA). */
export const CYCLONEDX_MEDIA_TYPE = 'application/vnd.cyclonedx+json';

const IMAGE_REF = 'image';
const BASE_REF = 'base-image';
const MODEL_REF = 'model';

/**
 * The software bill of materials of an image: its base, its model and the packages that lock files pin. The same ingredients
 * give the same document; even its serial number is made of the image's name and digest. It says of itself what it does
 * not know: what is inside the base.
 */
export function softwareBill({ image, base, model, packages, created }: Ingredients): CycloneDx {
  const libraries = librariesOf(packages);
  const components = [
    ...(base === undefined ? [] : [container(base, BASE_REF)]),
    ...(model === undefined ? [] : [modelComponent(model)]),
    ...libraries,
  ];
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(`${image.name}@${image.digest}`)}`,
    version: 1,
    metadata: {
      timestamp: created.toISOString(),
      tools: { components: [{ type: 'application', name: 'BundleModelImage' }] },
      component: container(image, IMAGE_REF),
    },
    components,
    dependencies: [{ ref: IMAGE_REF, dependsOn: components.flatMap((component) => component['bom-ref'] ?? []) }],
    compositions: [
      ...(base === undefined ? [] : [{ aggregate: 'incomplete', assemblies: [BASE_REF] } as const]),
      // Lock files say what was meant to be installed, not what somebody copied into the app besides.
      { aggregate: 'unknown', assemblies: [IMAGE_REF] },
    ],
  };
}

function container(image: ImageSubject, ref: string): Component {
  const { name, digest } = image;
  const purl = imageUrl(image);
  return {
    type: 'container',
    'bom-ref': ref,
    name,
    version: digest,
    hashes: [{ alg: 'SHA-256', content: hexadecimal(digest) }],
    ...(purl === undefined ? {} : { purl }),
  };
}

function modelComponent({ name, version, digest, uri, properties, source, layers }: ModelSubject): Component {
  const references: readonly (ExternalReference | false)[] = [
    uri !== undefined && { type: 'distribution', url: uri },
    source.repository !== undefined && {
      type: 'vcs',
      url: source.repository,
      ...(source.commit === undefined ? {} : { comment: `commit ${source.commit}` }),
    },
    source.runUrl !== undefined && { type: 'build-system', url: source.runUrl },
  ];
  const externalReferences = references.filter((reference) => reference !== false);
  return {
    type: 'machine-learning-model',
    'bom-ref': MODEL_REF,
    ...(source.author === undefined ? {} : { authors: [{ name: source.author }] }),
    name: name ?? 'model',
    ...(version === undefined ? {} : { version }),
    ...(digest === undefined ? {} : { hashes: [{ alg: 'SHA-256', content: hexadecimal(digest) }] }),
    ...(externalReferences.length === 0 ? {} : { externalReferences }),
    modelCard: modelCard(properties),
    properties: layers.map((layer) => ({ name: 'model-delivery:layer', value: layer })),
  };
}

/** Numbers that a publisher states are what the model achieved; words are facts about it. */
function modelCard(properties: Readonly<Record<string, string>>): ModelCard {
  const stated = inOrder(Object.entries(properties), ([name]) => name);
  const isNumber = ([, value]: readonly [string, string]): boolean =>
    /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?%?$/i.test(value.trim());
  const performanceMetrics = stated.filter(isNumber).map(([type, value]) => ({ type, value: value.trim() }));
  const words = stated.filter((entry) => !isNumber(entry)).map(([name, value]): Property => ({ name, value }));
  return {
    ...(performanceMetrics.length === 0 ? {} : { quantitativeAnalysis: { performanceMetrics } }),
    ...(words.length === 0 ? {} : { properties: words }),
  };
}

/** Each package once, however many lock files pin it; what one of them needs at run time is needed. */
function librariesOf(packages: readonly FoundPackage[]): readonly Component[] {
  const byUrl = new Map<string, readonly FoundPackage[]>();
  for (const found of packages) {
    const url = packageUrl(found);
    byUrl.set(url, [...(byUrl.get(url) ?? []), found]);
  }
  return inOrder([...byUrl], ([url]) => url).flatMap(([url, same]) => library(url, same));
}

function library(url: string, same: readonly FoundPackage[]): readonly Component[] {
  const [first] = same;
  if (first === undefined) return [];
  const { namespace: group, name, version } = first;
  const hash = same.find((found) => found.hash !== undefined)?.hash;
  const files = inOrder([...new Set(same.map(({ lockFile }) => lockFile))], (path) => path);
  return [
    {
      type: 'library',
      'bom-ref': url,
      ...(group === undefined ? {} : { group }),
      name,
      version,
      scope: scopeOf(same),
      ...(hash === undefined ? {} : { hashes: [{ alg: hash.algorithm, content: hash.hexadecimal }] }),
      purl: url,
      properties: files.map((path) => ({ name: 'model-delivery:lockFile', value: path })),
    },
  ];
}

function scopeOf(same: readonly FoundPackage[]): NonNullable<Component['scope']> {
  if (same.some(({ use }) => use === 'runtime')) return 'required';
  return same.some(({ use }) => use === 'optional') ? 'optional' : 'excluded';
}

/** Sorted by UTF-16 code units, which no machine's language changes. */
function inOrder<Item>(items: readonly Item[], keyOf: (item: Item) => string): readonly Item[] {
  return [...items].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
}

/** A UUID made of a hash (RFC 9562, version 8), the same for the same text. */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
