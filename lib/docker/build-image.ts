import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DeliveryError } from '../errors/delivery-error.ts';
import { buildFailure } from './build-failure.ts';
import { BuildLog } from './build-log.ts';
import type { DockerCli } from './docker-cli.ts';
import type { Builder, Engine } from './engine.ts';
import { buildArguments, type ImageBuild } from './image-build.ts';

/** What a build needs from outside. */
export interface BuildContext {
  readonly docker: DockerCli;
  readonly engine: Engine;
  /** A private folder for the built image. */
  readonly folder: string;
  /** When the sources came to be; BuildKit dates the image by it. */
  readonly created: Date;
  /** Gets the lines of the build, which come from outside. */
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Lines of a build that are passed on; a build that prints more is told so once. */
const LINES_LIMIT = 20_000;
/** How long taking the engine's image away again may take, in milliseconds. */
const CLEANUP_LIMIT = 4_000;

/**
 * Builds an image and writes it to a file: an archive of `docker save`, or one of an OCI image layout. In the engine it
 * has no name, or one of this run's own that is gone afterwards.
 *
 * @returns the file, in the context's folder
 * @throws DeliveryError `DOCKERFILE_NOT_FOUND`, `BUILD_CONTEXT_NOT_FOUND`, `BUILDKIT_MISSING`, and as the build gives
 *   reason to (see build-failure.ts)
 */
export async function buildImage(build: ImageBuild, context: BuildContext): Promise<string> {
  await checkPaths(build);
  checkBuilder(build, context.engine);
  const file = join(context.folder, 'image.tar');
  if (context.engine.writesLayouts) {
    await runBuild(build, { layoutFile: file }, context);
    return file;
  }
  const idFile = join(context.folder, 'image-id');
  // To the classic builder the image is the cache of the next build, as it is to everybody who builds with it: it stays,
  // without a name. BuildKit keeps its cache elsewhere. A name of this run's own keeps another run from removing the image.
  const tag = context.engine.builder === 'classic' ? undefined : `model-delivery-build:${randomUUID()}`;
  try {
    await runBuild(build, { idFile, tag }, context);
    await save(tag ?? (await readFile(idFile, 'utf8')).trim(), file, build, context);
    return file;
  } finally {
    if (tag !== undefined) await forget(tag, context);
  }
}

async function runBuild(
  build: ImageBuild,
  result: Parameters<typeof buildArguments>[2],
  { docker, engine, created, onLine, signal }: BuildContext,
): Promise<void> {
  const log = new BuildLog();
  const show = limited(onLine);
  const { code } = await docker.run(buildArguments(build, engine.builder, result), {
    signal,
    onLine: (line) => {
      if (log.read(line)) show(line);
    },
    env: { ...builderEnvironment(engine.builder), SOURCE_DATE_EPOCH: String(Math.floor(created.getTime() / 1000)) },
  });
  if (code !== 0) throw buildFailure(log.failure(), build);
}

function builderEnvironment(builder: Builder): Readonly<Record<string, string>> {
  // Attestations would make an index of every image; they are made later, for the image that has the model.
  if (builder === 'buildx') return { BUILDX_NO_DEFAULT_ATTESTATIONS: '1' };
  return builder === 'buildkit' ? { DOCKER_BUILDKIT: '1' } : {};
}

async function save(image: string, file: string, { dockerfile }: ImageBuild, context: BuildContext): Promise<void> {
  const { docker, signal } = context;
  const { code, stderr } = await docker.run(['save', '--output', file, image], { signal });
  if (code === 0) return;
  throw new DeliveryError('DOCKER_SAVE_FAILED', {
    message: `The image built of ${dockerfile} could not be taken out of the Docker engine: ${lastLine(stderr)}`,
    remedy: 'Check that the disk of the agent has room for the image, and the log of the engine.',
  });
}

/**
 * Takes the run's own name away from the image, and with it the image, unless it is another's too. This happens also
 * after a cancellation, so it must not take long.
 */
async function forget(tag: string, { docker }: BuildContext): Promise<void> {
  const signal = AbortSignal.timeout(CLEANUP_LIMIT);
  await docker.run(['image', 'rm', tag], { signal }).catch(() => undefined);
}

async function checkPaths({ dockerfile, context }: ImageBuild): Promise<void> {
  if ((await stat(context).catch(() => undefined))?.isDirectory() !== true) {
    throw new DeliveryError('BUILD_CONTEXT_NOT_FOUND', {
      message: `The build context ${context} is no folder.`,
      remedy: 'Give the path of a folder on the agent in buildContext.',
    });
  }
  if ((await stat(dockerfile).catch(() => undefined))?.isFile() === true) return;
  throw new DeliveryError('DOCKERFILE_NOT_FOUND', {
    message: `There is no Dockerfile ${dockerfile}.`,
    remedy: `Check the input dockerfile; ${dirname(dockerfile) === context ? 'it is looked for in buildContext unless a path is given' : 'it is relative to the default working directory'}.`,
  });
}

/** Says what cannot be built here before anything is. */
function checkBuilder({ secrets, platforms, cacheTo }: ImageBuild, { builder, ...engine }: Engine): void {
  const needs = (what: string, whom: string): DeliveryError =>
    new DeliveryError('BUILDKIT_MISSING', {
      message: `${what} ${whom}, which Docker ${engine.clientVersion} with the engine ${engine.serverVersion} does not have here.`,
      remedy: 'Install the plugin docker-buildx on the agent, or leave this input empty.',
    });
  if (builder === 'classic' && secrets.size > 0) throw needs('buildSecrets', 'need BuildKit');
  if (builder !== 'buildx' && cacheTo.length > 0) throw needs('cacheTo', 'needs buildx');
  if (builder !== 'buildx' && platforms.length > 1) throw needs('Several platforms', 'need buildx');
  if (engine.writesLayouts || platforms.length < 2) return;
  throw new DeliveryError('BUILDKIT_MISSING', {
    message: 'Several platforms need a builder that can export them, which the driver docker is not.',
    remedy: 'Run docker buildx create --use in a step before, or give one platform.',
  });
}

function limited(onLine: (line: string) => void): (line: string) => void {
  let lines = 0;
  return (line) => {
    lines += 1;
    if (lines <= LINES_LIMIT) onLine(line);
    if (lines === LINES_LIMIT) onLine(`The build prints more than ${LINES_LIMIT} lines: the rest is left out.`);
  };
}

function lastLine(text: string): string {
  return (text.trim().split('\n').at(-1) ?? '').slice(0, 300);
}
