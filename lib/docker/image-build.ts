import type { Builder } from './engine.ts';

/** An image to build from a Dockerfile. */
export interface ImageBuild {
  /** Absolute paths. */
  readonly dockerfile: string;
  readonly context: string;
  /** Values of the Dockerfile's `ARG`s. Whoever can pull the image can read them. */
  readonly arguments: Readonly<Record<string, string>>;
  /** The stage to stop at; undefined: the last one. */
  readonly target: string | undefined;
  /** Files whose content steps may read without it getting into the image, by the id they mount it under. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Such as `linux/arm64`; none: the engine's own. */
  readonly platforms: readonly string[];
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
}

/** Where the result goes: into a file that is an image layout, or into the engine, which writes the image's id to a file. */
export type BuildResult = { readonly layoutFile: string } | EngineResult;

export interface EngineResult {
  readonly idFile: string;
  /** The image's name in the engine; undefined: it has none. */
  readonly tag: string | undefined;
}

/** The words behind `docker` that build an image. */
export function buildArguments(build: ImageBuild, builder: Builder, result: BuildResult): readonly string[] {
  const { dockerfile, context, target, platforms, secrets, cacheFrom, cacheTo } = build;
  return [
    ...(builder === 'buildx' ? ['buildx', 'build'] : ['build']),
    ...['--file', dockerfile],
    // A step that fails would leave its container behind; BuildKit knows no such containers.
    ...(builder === 'classic' ? ['--force-rm'] : ['--progress', 'plain']),
    ...Object.entries(build.arguments).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...(target === undefined ? [] : ['--target', target]),
    ...[...secrets].flatMap(([id, file]) => ['--secret', `id=${id},src=${file}`]),
    ...(platforms.length === 0 ? [] : ['--platform', platforms.join(',')]),
    ...cacheFrom.flatMap((cache) => ['--cache-from', cache]),
    ...cacheTo.flatMap((cache) => ['--cache-to', cache]),
    ...('layoutFile' in result ? ['--output', `type=oci,dest=${result.layoutFile}`] : intoEngine(builder, result)),
    context,
  ];
}

function intoEngine(builder: Builder, { idFile, tag }: EngineResult): readonly string[] {
  return [
    ...['--iidfile', idFile],
    ...(tag === undefined ? [] : ['--tag', tag]),
    ...(builder === 'buildx' ? ['--load'] : []),
  ];
}
