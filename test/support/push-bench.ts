// Pushes small images into a real registry, perhaps through something that stands before it, and looks at what became of them.
import { randomBytes, randomUUID } from 'node:crypto';
import type { Dispatcher } from 'undici';
import { registryBase } from '../../lib/oci/base-source.ts';
import { digestOf } from '../../lib/oci/digest.ts';
import type { Manifest } from '../../lib/oci/image.ts';
import { parseImageName, parseRepositoryName } from '../../lib/oci/image-name.ts';
import type { LayerGroup } from '../../lib/oci/layer-group.ts';
import { type PushedImage, pushImage, type PushRequest } from '../../lib/oci/push-image.ts';
import { RegistryClient } from '../../lib/oci/registry-client.ts';
import { Repository } from '../../lib/oci/repository.ts';
import { planLayers } from '../../lib/packing/layer-plan.ts';
import type { LayerFile } from '../../lib/packing/read-layer.ts';
import { type BaseOptions, pushBaseImage } from './base-images.ts';
import { memoryFile } from './memory-file.ts';

const NEVER = new AbortController().signal;

export class PushBench {
  /** The registry itself. */
  readonly host: string;
  readonly #dispatcher: Dispatcher;

  constructor(host: string, dispatcher: Dispatcher) {
    this.host = host;
    this.#dispatcher = dispatcher;
  }

  client(host = this.host): RegistryClient {
    return new RegistryClient({ registry: host, dispatcher: this.#dispatcher });
  }

  repository(name: string): Repository {
    return new Repository(this.client(), { registry: this.host, repository: name }, 'pull,push');
  }

  /** A new base and a new repository, and what pushing onto the one into the other needs. */
  async request(options: BaseOptions = {}): Promise<PushRequest> {
    const base = `push/${randomUUID()}`;
    await pushBaseImage(this.repository(base), '1', options);
    return {
      base: this.base(`${base}:1`),
      mountFrom: [],
      immutableTags: false,
      annotations: {},
      platforms: [],
      groups: [],
      settings: {},
      target: parseRepositoryName(`${this.host}/push/${randomUUID()}`),
      tags: ['latest'],
      created: new Date('2026-11-24T01:02:03Z'),
      about: ({ digest }) => ({ 'org.opencontainers.image.base.digest': digest }),
    };
  }

  base(image: string, host = this.host): PushRequest['base'] {
    return registryBase(this.client(host), parseImageName(`${host}/${image}`));
  }

  /** Pushes, by way of what stands at `host`. */
  push(request: PushRequest, host = this.host, signal = NEVER): Promise<PushedImage> {
    const target = { ...request.target, registry: host };
    return pushImage({ ...request, target }, { client: this.client(host), onProgress: () => undefined, signal });
  }

  async tagOf({ target, tags: [tag = ''] }: PushRequest): Promise<string | undefined> {
    return this.repository(target.repository).digestOfTag(tag, NEVER);
  }

  /** The manifest of an image of which the registry has every byte; fails where it does not. */
  async complete({ target }: PushRequest, digest: string): Promise<Manifest> {
    const repository = this.repository(target.repository);
    const stored = await repository.manifest(digest, NEVER);
    if (stored === undefined) throw new Error(`${digest} is not there`);
    const manifest = JSON.parse(stored.bytes.toString()) as Manifest;
    for (const blob of [manifest.config, ...manifest.layers]) {
      const bytes = await repository.document(blob.digest, NEVER);
      if (digestOf(bytes) !== blob.digest || bytes.length !== blob.size) throw new Error(`${blob.digest} is broken`);
    }
    return manifest;
  }
}

/** Layers of files. */
export function groupOf(files: readonly LayerFile[], rest: Partial<LayerGroup> = {}): LayerGroup {
  return {
    name: 'model',
    target: '/model',
    layers: planLayers(files, '/model'),
    compression: 'none',
    local: true,
    ...rest,
  };
}

/** A model of two files that nobody has seen before. */
export function newModel(size = 300_000): LayerGroup {
  return groupOf([memoryFile('weights.bin', randomBytes(size)), memoryFile('labels.json', '["zero","one"]')]);
}
