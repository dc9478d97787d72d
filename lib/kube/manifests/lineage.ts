import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../objects.ts';
import { imagesOfPod, mapPodTemplates, podTemplatesOf } from './pod-templates.ts';
import type { PodTemplate } from './pod-templates.ts';

/** What is known of an image, under the names by which the cluster shows it. */
export type ImageFacts = Readonly<Partial<Record<(typeof IMAGE_FACTS)[number], string>>>;

const IMAGE_FACTS = [
  'model-delivery.image.digest',
  'model-delivery.model.name',
  'model-delivery.model.version',
  'model-delivery.model.digest',
  'model-delivery.model.uri',
  'model-delivery.app.revision',
  'model-delivery.app.source',
] as const;
const RUN_FACTS = ['model-delivery.run', 'model-delivery.run.url', 'model-delivery.commit'] as const;
/** When pods were made anew though nothing of their template changed. */
const RESTARTED = 'model-delivery.restarted';
const ALL_FACTS: readonly string[] = [...IMAGE_FACTS, ...RUN_FACTS, RESTARTED];
/** Those by which people look for pods. */
const LABELS: readonly string[] = ['model-delivery.model.name', 'model-delivery.model.version'];
/** What the value of a label may be (kubernetes.io, "Labels and Selectors"). */
const LABEL_VALUE = /^[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/;

/** The run that changes objects. */
export interface RunFacts {
  readonly name: string;
  /** Where people read about it. */
  readonly url: string | undefined;
  /** Of the repository that the run is of. */
  readonly commit?: string | undefined;
}

/** Whatever carries labels and annotations: an object, or the template of pods, which may leave them without a value. */
interface Noted {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>> | null;
    readonly annotations?: Readonly<Record<string, string>> | null;
  } | null;
}

/**
 * Writes what is known of images onto the workloads that use them and onto their pods. It is the same for the same
 * image, so it changes pods only with their image.
 */
export function withImageFacts(object: KubeObject, factsOf: (image: string) => ImageFacts | undefined): KubeObject {
  const known = (template: PodTemplate): ImageFacts => united(imagesOfPod(template).map((one) => factsOf(one) ?? {}));
  const whole = united([...podTemplatesOf(object).values()].map(known));
  const inside = mapPodTemplates(object, (template) =>
    takesNotes(template, object) ? withNotes(template, known(template)) : template,
  );
  return withNotes(inside, whole);
}

/** Writes the run onto a workload, and not onto its pods: every run would make them anew. */
export function withRunFacts(object: KubeObject, { name, url, commit }: RunFacts): KubeObject {
  if (podTemplatesOf(object).size === 0) return object;
  const values = { 'model-delivery.run': name, 'model-delivery.run.url': url, 'model-delivery.commit': commit };
  return withNotes(object, values);
}

/**
 * Has the pods of a workload made anew, as `kubectl rollout restart` does. The note is kept with the rest of the lineage, so the
 * next run of the same content leaves the pods alone.
 *
 * @param at the time of it (ISO 8601)
 */
export function withRestart(object: KubeObject, at: string): KubeObject {
  return mapPodTemplates(object, (template) => withNotes(template, { [RESTARTED]: at }));
}

/**
 * An object that is to be written, with the lineage that it has already where nothing else of it changes: what runs is
 * still the work of the run that changed it last, and pods are never made anew for a note alone.
 *
 * @param before the object in the cluster
 * @param preview what the server would make of `desired`
 * @param isSame whether two objects have the same content
 */
export function keepingLineage(
  desired: KubeObject,
  before: KubeObject,
  preview: KubeObject,
  isSame: (one: KubeObject, other: KubeObject) => boolean,
): KubeObject {
  const [were, wouldBe] = [podTemplatesOf(before), podTemplatesOf(preview)];
  const kept = mapPodTemplates(desired, (template, place) => {
    const was = were.get(place.join('/'));
    const willBe = wouldBe.get(place.join('/'));
    const isOld = was !== undefined && willBe !== undefined && isDeepStrictEqual(bare(was), bare(willBe));
    return isOld ? withNotesOf(template, was) : template;
  });
  return isSame(withoutLineage(before), withoutLineage(preview)) ? withNotesOf(kept, before) : kept;
}

function withoutLineage(object: KubeObject): KubeObject {
  return bare(mapPodTemplates(object, bare));
}

/** A custom resource may have no room for metadata in its template; the kinds of Kubernetes have. A Job's must not change. */
function takesNotes(template: PodTemplate, { apiVersion, kind }: KubeObject): boolean {
  return kind !== 'Job' && (template.metadata !== undefined || /^(?:v1|apps\/.+|batch\/.+)$/.test(apiVersion));
}

/** What several images say, each differing value once. */
function united(all: readonly ImageFacts[]): ImageFacts {
  const entries = IMAGE_FACTS.flatMap((name) => {
    const values = [...new Set(all.flatMap((facts) => facts[name] ?? []))];
    return values.length === 0 ? [] : [[name, values.join(',')] as const];
  });
  return Object.fromEntries(entries);
}

function withNotes<Carrier extends Noted>(
  carrier: Carrier,
  notes: Readonly<Record<string, string | undefined>>,
): Carrier {
  const given = Object.entries(notes).filter((entry): entry is [string, string] => entry[1] !== undefined);
  if (given.length === 0) return carrier;
  const labels = given.filter(([name, value]) => LABELS.includes(name) && LABEL_VALUE.test(value));
  return withMetadata(carrier, {
    annotations: { ...carrier.metadata?.annotations, ...Object.fromEntries(given) },
    labels: { ...carrier.metadata?.labels, ...Object.fromEntries(labels) },
  });
}

function withNotesOf<Carrier extends Noted>(carrier: Carrier, other: Noted): Carrier {
  const own = bare(carrier).metadata;
  return withMetadata(carrier, {
    annotations: { ...own?.annotations, ...only(other.metadata?.annotations, (name) => ALL_FACTS.includes(name)) },
    labels: { ...own?.labels, ...only(other.metadata?.labels, (name) => ALL_FACTS.includes(name)) },
  });
}

/** The same without any of this. */
function bare<Carrier extends Noted>(carrier: Carrier): Carrier {
  return withMetadata(carrier, {
    annotations: only(carrier.metadata?.annotations, (name) => !ALL_FACTS.includes(name)),
    labels: only(carrier.metadata?.labels, (name) => !ALL_FACTS.includes(name)),
  });
}

type Texts = Readonly<Record<string, string>>;

function only(texts: Texts | null | undefined, isWanted: (name: string) => boolean): Texts {
  return Object.fromEntries(Object.entries(texts ?? {}).filter(([name]) => isWanted(name)));
}

function withMetadata<Carrier extends Noted>(carrier: Carrier, maps: Readonly<Record<string, Texts>>): Carrier {
  const others = Object.entries(carrier.metadata ?? {}).filter(([field]) => !(field in maps));
  const filled = Object.entries(maps).filter(([, texts]) => Object.keys(texts).length > 0);
  const metadata = Object.fromEntries<unknown>([...others, ...filled]);
  return Object.keys(metadata).length === 0 && carrier.metadata === undefined ? carrier : { ...carrier, metadata };
}
