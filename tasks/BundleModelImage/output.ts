import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Agent } from '../../lib/agent/agent.ts';
import { fullPath } from '../../lib/agent/working-folder.ts';
import { findDocker } from '../../lib/docker/docker-cli.ts';
import { describeEngine } from '../../lib/docker/engine.ts';
import { loadImage } from '../../lib/docker/load-image.ts';
import { withPrivateFolder } from '../../lib/docker/private-folder.ts';
import { imageArchive } from '../../lib/oci/image-archive.ts';
import { formatImage } from '../../lib/oci/image-name.ts';
import { type PushContext, type PushedImage, pushImage, type PushRequest } from '../../lib/oci/push-image.ts';
import { writeImage } from '../../lib/oci/write-image.ts';

/** Where an image goes. */
export type Output = 'registry' | 'docker' | 'folder';

/** An image that was made, and the name by which the next step finds it. */
export type MadeImage = Omit<PushedImage, 'mediaType'> & { readonly image: string };

export function wantedOutput({ inputs }: Agent): Output {
  return inputs.choice('output', ['registry', 'docker', 'folder']);
}

/** Makes an image and brings it to where the inputs want it. Only a registry gets its tags moved. */
export async function makeImage(agent: Agent, request: PushRequest, context: PushContext): Promise<MadeImage> {
  switch (wantedOutput(agent)) {
    case 'registry': {
      const pushed = await pushImage(request, context);
      return { ...pushed, image: formatImage({ ...request.target, tag: undefined, digest: pushed.digest }) };
    }
    case 'docker':
      return loadIntoEngine(agent, request, context);
    case 'folder': {
      const folder = fullPath(agent, agent.inputs.text('outputFolder'));
      return { ...(await writeTo(folder, request, context)), image: `oci:${folder}` };
    }
  }
}

/** The engine takes an archive with all layers; they go through a folder of the agent, since some have no size before they are read. */
async function loadIntoEngine(agent: Agent, request: PushRequest, context: PushContext): Promise<MadeImage> {
  const { signal } = context;
  const docker = await findDocker(process.env);
  const { platform } = await describeEngine(docker, signal);
  const parent = agent.variable('Agent.TempDirectory') ?? tmpdir();
  return withPrivateFolder(parent, { logins: [], env: process.env }, async ({ path }) => {
    const folder = join(path, 'image');
    const platforms = request.platforms.length > 0 ? request.platforms : [platform];
    const written = await writeTo(folder, { ...request, platforms }, context);
    await loadImage(docker, imageArchive(folder, signal), signal);
    const [name = ''] = namesOf(request);
    return { ...written, image: name };
  });
}

async function writeTo(folder: string, request: PushRequest, context: PushContext): Promise<Omit<MadeImage, 'image'>> {
  const { digest, base, layers } = await writeImage({ ...request, names: namesOf(request) }, { ...context, folder });
  return { digest, base, layers, changed: true, bytesSent: 0, bytesReused: 0 };
}

function namesOf({ target, tags }: PushRequest): readonly string[] {
  return tags.map((tag) => formatImage({ ...target, tag, digest: undefined }));
}
