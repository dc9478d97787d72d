import type { Agent } from '../../lib/agent/agent.ts';
import { modelSelection } from '../../lib/agent/model-selection.ts';
import { openStore } from '../../lib/agent/model-store.ts';
import { fullPath } from '../../lib/agent/working-folder.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { recordedLineage, type ModelLineage } from '../../lib/model/destination-record.ts';
import { contentOf } from '../../lib/model/model-content.ts';
import { modelDigest } from '../../lib/model/model-digest.ts';
import type { ResolvedModel } from '../../lib/model/resolved-model.ts';
import { withModel } from '../../lib/model/with-model.ts';
import { checkCompression, type Compression } from '../../lib/packing/compression.ts';
import { identifyLayer } from '../../lib/oci/identify-layer.ts';
import { modelFiles } from '../../lib/oci/local-folder.ts';
import type { LayerGroup } from '../../lib/oci/layer-group.ts';
import type { Owner } from '../../lib/packing/entry.ts';
import { PACKING_FORMAT } from '../../lib/packing/layer.ts';
import type { LayerIdentity } from '../../lib/packing/layer-digest.ts';
import { planLayers } from '../../lib/packing/layer-plan.ts';
import type { BundledApp } from './app-source.ts';
import { checkNotHidden } from './hidden-model.ts';
import { fileOwner } from './image-inputs.ts';

/** A model on its way into an image. */
export interface BundledModel extends KnownLineage {
  /** Undefined for a plain store, which does not know it before all is read. */
  readonly digest: string | undefined;
  readonly group: LayerGroup;
}

/** What is known of where a model comes from and what is said of it: of a folder that no fetch has made, what the inputs say. */
interface KnownLineage extends Pick<ModelLineage, 'properties' | 'source'> {
  readonly name: string | undefined;
  readonly version: string | undefined;
  readonly uri: string | undefined;
}

/** How the model lies in the image. */
interface Packing {
  readonly target: string;
  readonly compression: Compression;
  readonly owner: Owner;
}

/**
 * Uses the model that the inputs mean: from a folder, or from a store, of which then nothing has been downloaded yet;
 * undefined where the image gets none. Where the store's is pruned or changes meanwhile, what is wanted now is used, from the beginning.
 */
export async function withModelToBundle<Result>(
  agent: Agent,
  signal: AbortSignal,
  use: (model: BundledModel | undefined) => Promise<Result>,
): Promise<Result> {
  switch (agent.inputs.choice('modelSource', ['folder', 'store', 'none'])) {
    case 'folder':
      return use(await fromFolder(agent, signal));
    case 'store': {
      const packing = modelPacking(agent);
      const reporter = { note: (line: string): void => agent.log(line) };
      return withModel(await openStore(agent), modelSelection(agent.inputs), { reporter, signal }, (model) =>
        use(fromStore(agent, model, packing)),
      );
    }
    case 'none':
      return use(undefined);
  }
}

async function fromFolder(agent: Agent, signal: AbortSignal): Promise<BundledModel> {
  const packing = modelPacking(agent);
  const { target, compression, owner } = packing;
  const folder = fullPath(agent, agent.inputs.text('modelFolder'));
  const layers = planLayers(await modelFiles(folder), target, owner);
  const known: LayerIdentity[] = [];
  const digested: { path: string; size: number; sha256: string }[] = [];
  for (const layer of layers) {
    known.push(await identifyLayer(layer, signal, ({ path, size }, sha256) => digested.push({ path, size, sha256 })));
  }
  const digest = modelDigest(digested);
  return {
    ...(await folderLineage(agent, folder, digest)),
    digest,
    group: {
      name: 'model',
      target,
      layers,
      compression,
      known,
      local: true,
      content: contentLabels(digest, packing),
    },
  };
}

/**
 * What FetchLatestModel recorded of these very bytes, unless the inputs call them another model or version: then what was
 * said of the recorded one is not said of this.
 */
async function folderLineage(agent: Agent, folder: string, digest: string): Promise<KnownLineage> {
  const [name, version] = [agent.inputs.optionalText('model'), agent.inputs.optionalText('version')];
  const stated = { name, version, uri: undefined, properties: {}, source: {} };
  const recorded = await recordedLineage(folder, digest);
  if (recorded === undefined) return stated;
  const fetched = `${recorded.name} ${recorded.version} of ${recorded.uri}`;
  if ((name ?? recorded.name) === recorded.name && (version ?? recorded.version) === recorded.version) {
    agent.log(`The model is ${fetched}, as FetchLatestModel recorded it.`);
    return recorded;
  }
  agent.log(
    `FetchLatestModel recorded the model as ${fetched}; the inputs call it otherwise, so the record is not used.`,
  );
  return stated;
}

function fromStore(agent: Agent, model: ResolvedModel, packing: Packing): BundledModel {
  const { target, compression, owner } = packing;
  for (const note of model.notes) agent.log(note);
  for (const warning of model.warnings) agent.warn(warning);
  const { packed } = model;
  const holds = packed?.format === PACKING_FORMAT && packed.folder === target && isRoot(owner);
  return {
    name: model.name,
    version: model.version,
    digest: model.digest,
    uri: model.uri,
    properties: model.properties,
    source: model.source,
    group: {
      name: 'model',
      target,
      layers: planLayers(model.files, target, owner),
      compression,
      local: false,
      known: holds ? packed.layers : undefined,
      content: contentLabels(contentOf(model), packing),
    },
  };
}

function contentLabels(content: string, { target, compression, owner }: Packing): LayerGroup['content'] {
  const compressed = compression === 'none' ? [] : [compression];
  const owned = isRoot(owner) ? [] : [`${owner.uid}:${owner.gid}`];
  return {
    labels: {
      'model-delivery.model.content': content,
      'model-delivery.model.packing': [PACKING_FORMAT, target, ...compressed, ...owned].join(' '),
    },
    layersLabel: 'model-delivery.model.layers',
  };
}

/** @throws DeliveryError `COMPRESSION_UNSUPPORTED`, `INPUT_INVALID` */
function modelPacking(agent: Agent): Packing {
  const compression = agent.inputs.choice('modelCompression', ['none', 'gzip', 'zstd']);
  checkCompression(compression);
  return { target: agent.inputs.text('modelTarget').replace(/(?<=.)\/+$/, ''), compression, owner: fileOwner(agent) };
}

/** Whether it is the owner for whom models are packed when they are published. */
function isRoot({ uid, gid }: Owner): boolean {
  return uid === 0 && gid === 0;
}

/**
 * What lies upon the base, from below: the model, unless a Dockerfile has copied it, and the app, which changes more
 * often, since engines unpack again only what is above a change.
 *
 * @throws DeliveryError `NOTHING_TO_ADD` where neither a model nor an app goes into the image, `MODEL_HIDDEN`
 */
export function groupsToAdd(
  { inputs }: Agent,
  model: BundledModel | undefined,
  app: BundledApp | undefined,
): readonly LayerGroup[] {
  const builds = inputs.choice('builder', ['append', 'dockerfile']) === 'dockerfile';
  const copied = builds && inputs.flag('modelInContext');
  const added = copied ? undefined : model?.group;
  if (added !== undefined && app !== undefined) checkNotHidden(added, app);
  const groups = [added, app?.group].flatMap((group) => group ?? []);
  if (groups.length > 0 || builds) return groups;
  throw new DeliveryError('NOTHING_TO_ADD', {
    message: 'There is neither a model nor an app to put onto the base image.',
    remedy: 'Set appFolder, or set modelSource to folder or store.',
  });
}
