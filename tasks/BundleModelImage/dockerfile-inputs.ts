import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import type { Agent } from '../../lib/agent/agent.ts';
import { formatBytes } from '../../lib/agent/quantities.ts';
import { fullPath, pathWithin } from '../../lib/agent/working-folder.ts';
import { keepSecrets, parseBuildSecret } from '../../lib/docker/build-secret.ts';
import type { ImageBuild } from '../../lib/docker/image-build.ts';
import { MODEL_FOLDER, stageContext } from '../../lib/docker/staged-context.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { ignoreRules } from '../../lib/oci/docker-ignore.ts';
import { wantedPlatforms } from './image-inputs.ts';
import type { BundledModel } from './model-source.ts';

/** What the inputs of a build may need. */
export interface InputContext {
  /** The private folder of this run. */
  readonly folder: string;
  readonly model: BundledModel | undefined;
  readonly signal: AbortSignal;
}

/**
 * What is to be built. Secrets go into files of the private folder, and so does a build context that the model
 * has to be put into.
 *
 * @throws DeliveryError `INPUT_INVALID`, `BUILD_SECRET_INVALID`, `MODEL_FOLDER_TAKEN`, `MODEL_NOT_ON_DISK`
 */
export async function imageBuild(agent: Agent, { folder, model, signal }: InputContext): Promise<ImageBuild> {
  const { inputs } = agent;
  const ownContext = fullPath(agent, inputs.optionalText('buildContext') ?? '.');
  const dockerfile = dockerfilePath(agent, ownContext);
  const secrets = inputs.lines('buildSecrets').map((line) =>
    parseBuildSecret(
      line,
      (path) => fullPath(agent, path),
      (name) => process.env[name],
    ),
  );
  for (const secret of secrets) if ('value' in secret) agent.hide(secret.value);
  const args = inputs.pairs('buildArguments');
  warnOfSecrets(agent, args);
  return {
    dockerfile,
    context: await contextWith(agent, { context: ownContext, dockerfile, model }, join(folder, 'context'), signal),
    arguments: args,
    target: inputs.optionalText('buildTarget'),
    secrets: await keepSecrets(secrets, folder),
    platforms: wantedPlatforms(agent),
    cacheFrom: inputs.lines('cacheFrom'),
    cacheTo: inputs.lines('cacheTo'),
  };
}

/** A mere name stands in the build context, as with docker itself. */
function dockerfilePath(agent: Agent, context: string): string {
  const path = agent.inputs.optionalText('dockerfile') ?? 'Dockerfile';
  return isAbsolute(path) || dirname(path) !== '.' ? fullPath(agent, path) : join(context, path);
}

/** Build arguments stand in the image's history, by design of Docker. */
function warnOfSecrets(agent: Agent, args: ImageBuild['arguments']): void {
  for (const [name, value] of Object.entries(args)) {
    const why = agent.holdsSecret(value)
      ? 'holds the value of a secret variable'
      : /(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|PWD|PAT|CREDENTIALS?|(?:API_?|ACCESS_?|PRIVATE_?)KEY)$/i.test(name) &&
          value
        ? 'looks like a secret'
        : undefined;
    if (why === undefined) continue;
    agent.warn(
      `The build argument ${name} ${why}: everybody who can pull the image can read it. Give it in buildSecrets, and use it by RUN --mount=type=secret,id=${name}.`,
    );
  }
}

interface OwnContext {
  readonly context: string;
  readonly dockerfile: string;
  readonly model: BundledModel | undefined;
}

/** The folder to build from: the app's own, or one that has the model as well. */
async function contextWith(agent: Agent, own: OwnContext, staged: string, signal: AbortSignal): Promise<string> {
  const { inputs } = agent;
  const { context, model } = own;
  const copies = inputs.flag('modelInContext');
  if (model === undefined) return context;
  if (!model.group.local) {
    if (copies) throw notOnDisk();
    return context;
  }
  const modelFolder = fullPath(agent, inputs.text('modelFolder'));
  const path = pathWithin(context, modelFolder);
  if (!copies) {
    if (path !== undefined) await warnOfModel(agent, own, path);
    return context;
  }
  if (path !== undefined) return context;
  await stageContext(context, modelFolder, staged, signal);
  agent.log(`The model is in the build context as ${MODEL_FOLDER}/`);
  return staged;
}

/** A model that is added afterwards has no business in the build: it would only be sent to the engine. */
async function warnOfModel(agent: Agent, { context, dockerfile, model }: OwnContext, path: string): Promise<void> {
  const rules = ignoreRules(await ignoreFile(context, dockerfile));
  if (path !== '' && rules.leavesOut(path)) return;
  const size = model?.group.layers.reduce((sum, layer) => sum + layer.size, 0) ?? 0;
  agent.warn(
    `The model (${formatBytes(size)}) lies in the build context ${context}, so it may be sent to the Docker engine for nothing: it is added to the image afterwards. ${path === '' ? 'Choose another buildContext' : `Put the line ${path} into .dockerignore, or fetch the model to a folder outside`}.`,
  );
}

/** BuildKit prefers the rules that stand beside the Dockerfile under its name. */
async function ignoreFile(context: string, dockerfile: string): Promise<string> {
  const own = await readFile(`${dockerfile}.dockerignore`, 'utf8').catch(() => undefined);
  return own ?? (await readFile(join(context, '.dockerignore'), 'utf8').catch(() => ''));
}

function notOnDisk(): DeliveryError {
  return new DeliveryError('MODEL_NOT_ON_DISK', {
    message:
      'With modelInContext the Dockerfile copies the model, but modelSource is store, so it is not on the agent.',
    remedy: 'Fetch it with FetchLatestModel and set modelSource: folder, or turn modelInContext off.',
  });
}
