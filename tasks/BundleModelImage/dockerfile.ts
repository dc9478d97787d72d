import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Agent } from '../../lib/agent/agent.ts';
import type { ImageRoute } from '../../lib/agent/registry.ts';
import { buildImage } from '../../lib/docker/build-image.ts';
import { builtUpon } from '../../lib/docker/built-upon.ts';
import { findDocker } from '../../lib/docker/docker-cli.ts';
import { describeEngine } from '../../lib/docker/engine.ts';
import type { ImageBuild } from '../../lib/docker/image-build.ts';
import { withPrivateFolder } from '../../lib/docker/private-folder.ts';
import { messageOf } from '../../lib/errors/delivery-error.ts';
import type { BaseSource } from '../../lib/oci/base-source.ts';
import { withLayersOf } from '../../lib/oci/known-layers.ts';
import { openLocalBase } from '../../lib/oci/local-base.ts';
import type { BaseContext } from './base.ts';
import { imageBuild } from './dockerfile-inputs.ts';

/** Looking for the layers below is worth this long, in milliseconds: without, they are sent again. */
const ORIGIN_LIMIT = 15_000;

/** Builds the Dockerfile and uses what came out as a base; afterwards nothing of it is left on the agent. */
export async function withBuiltBase<Result>(
  agent: Agent,
  route: ImageRoute,
  { model, created, signal }: BaseContext,
  use: (base: BaseSource) => Promise<Result>,
): Promise<Result> {
  const found = await findDocker(process.env);
  const parent = agent.variable('Agent.TempDirectory') ?? tmpdir();
  const logins = await route.logins(signal);
  return withPrivateFolder(parent, { logins, env: process.env }, async (folder) => {
    const docker = found.with(folder.env);
    const engine = await describeEngine(docker, signal);
    const build = await imageBuild(agent, { folder: folder.path, model, signal });
    const { clientVersion, serverVersion, builder } = engine;
    const title = `Building ${build.dockerfile} with Docker ${clientVersion}, engine ${serverVersion}, ${builder}`;
    const onLine = (line: string): void => agent.log(line);
    const file = await agent.logDuring(title, () =>
      buildImage(build, { docker, engine, folder: folder.path, created, onLine, signal }),
    );
    return use(await builtBase(agent, route, build, file, signal));
  });
}

async function builtBase(
  agent: Agent,
  route: ImageRoute,
  build: ImageBuild,
  file: string,
  signal: AbortSignal,
): Promise<BaseSource> {
  const archive = await openLocalBase({ kind: 'docker-archive', path: file, tag: undefined }, signal);
  // The name that the archive has is one of this run alone.
  const built = { ...archive, name: `the image of ${build.dockerfile}`, publicName: undefined };
  const from = builtUpon(await readFile(build.dockerfile, 'utf8'), build);
  if (from === undefined) return built;
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ORIGIN_LIMIT)]);
    const mended = await withLayersOf(built, route.image(from), limit);
    if (mended === undefined) agent.debug(`${from} is not what the image was built upon any more`);
    return mended ?? built;
  } catch (error) {
    signal.throwIfAborted();
    agent.debug(`${from} could not be looked up, so all layers are taken from the engine: ${messageOf(error)}`);
    return built;
  }
}
