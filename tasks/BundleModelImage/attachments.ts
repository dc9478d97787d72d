import type { Agent } from '../../lib/agent/agent.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { timestamp } from '../../lib/oci/append.ts';
import type { Artifact, ArtifactBlob } from '../../lib/oci/artifact.ts';
import { type CompanionContent, complete } from '../../lib/oci/companion-image.ts';
import { digestOf } from '../../lib/oci/digest.ts';
import type { Descriptor } from '../../lib/oci/image.ts';
import type { StoredImage } from '../../lib/oci/push-image.ts';
import { attach, listReferrers } from '../../lib/oci/referrers.ts';
import {
  COSIGN_ARTIFACT_TYPES,
  COSIGN_SUFFIXES,
  PREDICATE_ANNOTATION,
  SIGNATURE_ANNOTATION,
  signedPayload,
  SIMPLE_SIGNING_MEDIA_TYPE,
} from '../../lib/supply/cosign.ts';
import type { CycloneDx } from '../../lib/supply/cyclonedx.ts';
import { DSSE_MEDIA_TYPE, envelopeAround, signedStatement } from '../../lib/supply/dsse.ts';
import { CYCLONEDX_MEDIA_TYPE } from '../../lib/supply/sbom.ts';
import type { SigningKey } from '../../lib/supply/signing-key.ts';
import {
  encodeJson,
  IN_TOTO_MEDIA_TYPE,
  PREDICATE_TYPES,
  type Statement,
  statementAbout,
} from '../../lib/supply/statement.ts';
import type { ImageSubject } from '../../lib/supply/subject.ts';

/** What is to be said about an image, and the key that vouches for it. */
export interface SupplyDocuments {
  readonly image: ImageSubject;
  readonly created: Date;
  readonly key: SigningKey | undefined;
  readonly sbom: CycloneDx | undefined;
  readonly provenance: Statement | undefined;
}

/** Digests of the manifests of what is attached; undefined where there is no such thing. */
export interface Attached {
  readonly sbom: string | undefined;
  readonly provenance: string | undefined;
  readonly signature: string | undefined;
}

export const NOTHING_ATTACHED: Attached = { sbom: undefined, provenance: undefined, signature: undefined };

/** By this annotation a later run knows what an earlier one attached, and leaves it. */
const ATTACHED_BY = { 'model-delivery.attached-by': 'BundleModelImage' };
/** As BuildKit and others name the kind of claim on an attestation. */
const PREDICATE_TYPE = 'in-toto.io/predicate-type';
const FILE_NAME = 'org.opencontainers.image.title';

/** Why SBOM and provenance may fail to be attached without failing the run: the image is good, its registry is old. */
const EXCUSED = ['REGISTRY_REFUSED', 'REGISTRY_FORBIDDEN', 'REGISTRY_FAILED', 'REFERRERS_UNREADABLE', 'REFERRERS_BUSY'];
/** In bytes; an envelope beyond is not read to see who signed it. */
const LARGEST_READ = 6 * 1024 * 1024;

/** Attaches documents first, for a signature says that everything is as it should be, and then the signature. */
export async function attachDocuments(
  agent: Agent,
  documents: SupplyDocuments,
  stored: StoredImage,
  signal: AbortSignal,
): Promise<Attached> {
  const referrers = await attachReferrers(agent, documents, stored, signal);
  const signature = documents.key && (await sign(documents, documents.key, stored, signal));
  return { ...referrers, signature };
}

async function attachReferrers(
  agent: Agent,
  documents: SupplyDocuments,
  { repository, top }: StoredImage,
  signal: AbortSignal,
): Promise<Pick<Attached, 'sbom' | 'provenance'>> {
  const { sbom, provenance } = artifactsOf(documents);
  const wanted = [sbom, provenance].flatMap((artifact) => artifact ?? []);
  if (wanted.length === 0) return NOTHING_ATTACHED;
  try {
    const there = await listReferrers(repository, top.digest, signal);
    const missing = wanted.filter((artifact) => digestAmong(there, artifact) === undefined);
    const digests = await attach(repository, top, missing, signal);
    const digestNow = (artifact: Artifact | undefined): string | undefined =>
      artifact && (digestAmong(there, artifact) ?? digests[missing.indexOf(artifact)]);
    return { sbom: digestNow(sbom), provenance: digestNow(provenance) };
  } catch (error) {
    if (!(error instanceof DeliveryError) || !EXCUSED.includes(error.code)) throw error;
    agent.warn(`${error.code}: ${error.message} The image goes out without SBOM and provenance beside it.`);
    return NOTHING_ATTACHED;
  }
}

function artifactsOf({ sbom, provenance, created }: SupplyDocuments): Partial<Record<keyof Attached, Artifact>> {
  const annotations = { 'org.opencontainers.image.created': timestamp(created), ...ATTACHED_BY };
  const file = (mediaType: string, document: object, name: string): readonly ArtifactBlob[] => [
    { mediaType, bytes: encodeJson(document), annotations: { [FILE_NAME]: name } },
  ];
  return {
    ...(sbom && {
      sbom: {
        artifactType: CYCLONEDX_MEDIA_TYPE,
        blobs: file(CYCLONEDX_MEDIA_TYPE, sbom, 'sbom.cdx.json'),
        annotations,
      },
    }),
    ...(provenance && {
      provenance: {
        artifactType: IN_TOTO_MEDIA_TYPE,
        blobs: file(IN_TOTO_MEDIA_TYPE, provenance, 'provenance.intoto.json'),
        annotations: { ...annotations, [PREDICATE_TYPE]: provenance.predicateType },
      },
    }),
  };
}

/** What an earlier run attached of this kind: the image has not changed since, and neither has how it was made. */
function digestAmong(there: readonly Descriptor[], { artifactType, annotations }: Artifact): string | undefined {
  const same = (entry: Descriptor, name: string): boolean => entry.annotations?.[name] === annotations[name];
  return there.find(
    (entry) =>
      entry.artifactType === artifactType &&
      [...Object.keys(ATTACHED_BY), PREDICATE_TYPE].every((name) => same(entry, name)),
  )?.digest;
}

/**
 * Adds what the key says, where cosign looks for it: attestations, then the signature. Below an index each platform's image is
 * signed as well (`cosign sign --recursive`), for podman and CRI-O ask about the one that they run.
 */
async function sign(
  documents: SupplyDocuments,
  key: SigningKey,
  { repository, top, platforms }: StoredImage,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { image, sbom, provenance } = documents;
  const statements = [sbom && statementAbout(image, PREDICATE_TYPES.sbom, sbom), provenance].flatMap(
    (one) => one ?? [],
  );
  const kindOf = (what: 'signature' | 'attestation') => ({
    suffix: COSIGN_SUFFIXES[what],
    artifactType: COSIGN_ARTIFACT_TYPES[what],
  });
  try {
    if (statements.length > 0) {
      await complete(repository, top, kindOf('attestation'), missingAttestations(statements, key), signal);
    }
    const signed = await Promise.all(
      [top, ...platforms].map((subject) => {
        const missing = missingSignature({ ...image, digest: subject.digest }, key);
        return complete(repository, subject, kindOf('signature'), missing, signal);
      }),
    );
    return signed[0]?.digest;
  } catch (error) {
    if (!(error instanceof DeliveryError) || error.code !== 'REGISTRY_REFUSED') throw error;
    throw new DeliveryError('SIGNATURE_REFUSED', {
      message: `The registry does not take the signature of ${image.name}@${image.digest}: ${error.message}`,
      remedy:
        'Use a registry that takes OCI manifests and lets tags that end in .sig and .att move, or leave signingKey empty.',
      cause: error,
    });
  }
}

type Missing = (content: CompanionContent) => Promise<readonly ArtifactBlob[]>;

function missingSignature(image: ImageSubject, key: SigningKey): Missing {
  const bytes = signedPayload(image);
  const isOurs = ({ digest, annotations }: Descriptor): boolean =>
    digest === digestOf(bytes) && key.verify(bytes, Buffer.from(annotations?.[SIGNATURE_ANNOTATION] ?? '', 'base64'));
  return ({ layers }) => {
    if (layers.some(isOurs)) return Promise.resolve([]);
    const annotations = { [SIGNATURE_ANNOTATION]: key.sign(bytes).toString('base64') };
    return Promise.resolve([{ mediaType: SIMPLE_SIGNING_MEDIA_TYPE, bytes, annotations }]);
  };
}

function missingAttestations(statements: readonly Statement[], key: SigningKey): Missing {
  const envelopes = statements.map((statement) => ({ statement, bytes: envelopeAround(statement, key) }));
  return async ({ layers, read }) => {
    const written = new Set(layers.map(({ digest }) => digest));
    const missing: ArtifactBlob[] = [];
    for (const { statement, bytes } of envelopes) {
      const { predicateType } = statement;
      const alike = layers.filter(({ annotations }) => annotations?.[PREDICATE_ANNOTATION] === predicateType);
      if (written.has(digestOf(bytes)) || (await anySays(alike, statement, key, read))) continue;
      const annotations = { [SIGNATURE_ANNOTATION]: '', [PREDICATE_ANNOTATION]: predicateType };
      missing.push({ mediaType: DSSE_MEDIA_TYPE, bytes, annotations });
    }
    return missing;
  };
}

/** Whether one of these envelopes, signed by the key, makes the same kind of claim about the same image. */
async function anySays(
  layers: readonly Descriptor[],
  { predicateType, subject: [image] }: Statement,
  key: SigningKey,
  read: CompanionContent['read'],
): Promise<boolean> {
  for (const layer of layers.filter(({ size }) => size <= LARGEST_READ)) {
    const said = signedStatement(await read(layer), key);
    const sameImage = said?.subject.some(({ digest }) => digest.sha256 === image?.digest.sha256) === true;
    if (sameImage && said.predicateType === predicateType) return true;
  }
  return false;
}
