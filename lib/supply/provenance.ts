import { imageUrl } from './package-url.ts';
import { hexadecimal, type BaseSubject, type ImageSubject, type ModelSubject } from './subject.ts';
import { PREDICATE_TYPES, type Statement, statementAbout } from './statement.ts';

/** How an image was made. */
export interface Making {
  readonly image: ImageSubject;
  readonly base: BaseSubject | undefined;
  readonly model: ModelSubject | undefined;
  /** The app's sources. */
  readonly source: {
    /** Address of the repository, without credentials. */
    readonly repository: string | undefined;
    readonly ref: string | undefined;
    readonly commit: string | undefined;
  };
  /** What the task was told: inputs that decide what goes into the image, none of them secret. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly run: {
    /** The organisation whose pipelines and agents did it. */
    readonly collection: string | undefined;
    /** The page of the run. */
    readonly url: string | undefined;
    /** What else tells runs apart, such as the name of the pipeline. */
    readonly details: Readonly<Record<string, string>>;
  };
}

/** Something that went into the image (in-toto, "ResourceDescriptor"). */
interface ResourceDescriptor {
  readonly name: string;
  readonly uri?: string;
  readonly digest?: Readonly<Record<string, string>>;
}

/** The page that says how to read the provenance; what it says is part of what is promised. */
const PAGE = 'https://github.com/model-delivery/model-delivery/blob/main/docs/supply-chain.md';
export const BUILD_TYPE = `${PAGE}#build-type-v1`;
/** Who built it, where the pipeline does not say in which organisation it ran. */
const UNKNOWN_BUILDER = `${PAGE}#builder`;

/** The provenance of an image: SLSA provenance v1 in a statement about its digest. */
export function provenanceOf({ image, base, model, source, inputs, run }: Making): Statement {
  return statementAbout(image, PREDICATE_TYPES.provenance, {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: {
        ...present({ repository: source.repository, ref: source.ref }),
        inputs,
      },
      internalParameters: run.details,
      resolvedDependencies: [
        ...(source.commit === undefined ? [] : [sourceDependency(source.repository, source.ref, source.commit)]),
        ...(base === undefined ? [] : [baseDependency(base)]),
        ...(model === undefined ? [] : [modelDependency(model)]),
      ],
    },
    runDetails: {
      builder: { id: run.collection ?? UNKNOWN_BUILDER },
      metadata: present({ invocationId: run.url }),
    },
  });
}

/** SLSA names a commit in git as `git+<address>@<ref>`. */
function sourceDependency(repository: string | undefined, ref: string | undefined, commit: string): ResourceDescriptor {
  const uri = repository === undefined ? undefined : `git+${repository}${ref === undefined ? '' : `@${ref}`}`;
  return { name: 'app', ...(uri === undefined ? {} : { uri }), digest: { gitCommit: commit } };
}

function baseDependency(base: BaseSubject): ResourceDescriptor {
  const uri = imageUrl(base);
  return { name: 'base', ...(uri === undefined ? {} : { uri }), digest: sha256Of(base.digest) };
}

function modelDependency({ name = 'model', version, digest, uri }: ModelSubject): ResourceDescriptor {
  return {
    name: version === undefined ? name : `${name} ${version}`,
    ...(uri === undefined ? {} : { uri }),
    ...(digest === undefined ? {} : { digest: sha256Of(digest) }),
  };
}

function sha256Of(digest: string): Readonly<Record<string, string>> {
  return { sha256: hexadecimal(digest) };
}

function present(values: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
