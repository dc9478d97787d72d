// The registry, the base image and the contenders of the image benchmark.
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { readManifest } from '../../../lib/model/manifest.ts';
import { ensureBusyboxImage } from '../../../test/support/busybox-image.ts';
import { runTaskProcess } from '../../agent/task-process.ts';
import { ensureServices } from '../../services/services.ts';
import { startThrowawayRegistry, type Stoppable } from '../../services/throwaway.ts';
import type { Registry } from '../../services/registry.ts';
import { inTurn, type Measure, measured, runQuietly } from '../measured.ts';
import { CONTAINER, Workbench } from '../store/workbench.ts';

/** An image to make from the store's models. */
export interface ImageOrder {
  readonly repository: string;
  readonly model: string;
  readonly version: string;
  readonly mountFrom?: string;
  /** Through which the registry and the store are reached, where not directly. */
  readonly through?: { readonly registry: string; readonly store: string };
}

/** A file of a model in the store. */
interface StoredFile {
  readonly url: string;
  readonly name: string;
  readonly sha256: string;
}

const BASE = 'bench/base:1';
const VARIABLES = { SOURCE_DATE_EPOCH: '1764000000', 'Build.SourceVersion': 'a'.repeat(40) };
const DOCKERFILE = ['FROM BASE', 'COPY model /model', 'COPY app /app', ''];
/** As many as the task sends at once. */
const PIPES_AT_ONCE = '4';

/** Sends one blob of the store as one blob into a repository; what curl can do at best, without looking at a byte. */
const PIPE = `set -eu -o pipefail
location=$(curl -sf -X POST -D - -o /dev/null "$2" | sed -n 's/^[Ll]ocation: //p' | tr -d '\\r')
curl -sf "$1" | curl -sf -X PUT -H 'Expect:' -H 'Content-Type: application/octet-stream' -T - -o /dev/null "$location&digest=sha256:$3"
`;

/** A store and a registry of its own, gone at the end, and the machine's Docker engine. */
export class ImageBench {
  readonly store: Workbench;
  readonly registry: Registry & Stoppable;
  readonly #docker: string;
  readonly #base: string;

  private constructor(store: Workbench, registry: Registry & Stoppable, docker: string, base: string) {
    this.store = store;
    this.registry = registry;
    this.#docker = docker;
    this.#base = base;
  }

  static async start(): Promise<ImageBench> {
    const services = await ensureServices(['registry', 'docker']);
    const base = await ensureBusyboxImage(services, '1');
    const bench = new ImageBench(await Workbench.start(), await startThrowawayRegistry(), services.docker.host, base);
    await bench.#prepare();
    return bench;
  }

  async stop(): Promise<void> {
    await this.#engine('image', 'rm', '--force', this.#at(BASE)).catch(() => undefined);
    await this.registry.stop();
    await this.store.stop();
  }

  /** A change of the app, so that its layer is another. */
  async changeApp(): Promise<void> {
    await appendFile(this.store.at('app', 'main.sh'), '# changed\n');
  }

  /** Runs the packed task. */
  async bundle({ repository, model, version, mountFrom, through }: ImageOrder): Promise<Measure> {
    const { blob } = this.store;
    const connectionString = blob.connectionString.replace(
      new URL(blob.endpoint).origin,
      through?.store ?? new URL(blob.endpoint).origin,
    );
    const host = through?.registry ?? this.registry.host;
    const inputs = {
      repository: `${host}/${repository}`,
      tags: 'latest',
      baseImage: `${host}/${BASE}`,
      appFolder: this.store.at('app'),
      modelSource: 'store',
      model,
      version,
      storageAuth: 'connectionString',
      connectionString,
      container: CONTAINER,
      ...(mountFrom === undefined ? {} : { mountFrom }),
    };
    const variables = { ...VARIABLES, store: { value: connectionString, secret: true } } as const;
    return measured(async (wrapper) => {
      const { result, log } = await runTaskProcess({ task: 'BundleModelImage', inputs, variables, wrapper });
      if (result !== 'Succeeded') throw new Error(`BundleModelImage ended as ${result}:\n${log}`);
    });
  }

  /** What pipelines do without the task, on an agent that has nothing yet but the base image. */
  async byHand({ repository, model, version }: ImageOrder): Promise<Measure> {
    const { store } = this;
    const image = this.#at(`${repository}:latest`);
    await mkdir(store.at('context', 'model'), { recursive: true });
    await runQuietly(['cp', '-r', store.at('app'), store.at('context', 'app')]);
    await writeFile(store.at('context', 'Dockerfile'), DOCKERFILE.join('\n').replace('BASE', this.#at(BASE)));
    const files = await this.#filesOf(model, version);
    const downloads = files.map(({ name }, index) => (): Promise<Measure> => {
      const file = store.at('context', 'model', `${index}.bin`);
      return store.az('download', '--container-name', CONTAINER, '--name', name, '--file', file);
    });
    const measure = await inTurn([
      ...downloads,
      () => this.#measuredEngine('build', '--quiet', '--no-cache', '--tag', image, store.at('context')),
      () => this.#measuredEngine('push', '--quiet', image),
    ]);
    await this.#engine('image', 'rm', '--force', image);
    await store.clear('context');
    return measure;
  }

  /** Sends the bytes of a model from the store into the registry with curl and nothing between. */
  async pipe({ repository, model, version }: ImageOrder): Promise<Measure> {
    const { store } = this;
    const uploads = `http://${this.registry.host}/v2/${repository}/blobs/uploads/`;
    const files = await this.#filesOf(model, version);
    await writeFile(store.at('pipe.sh'), PIPE);
    await writeFile(store.at('pipe.txt'), files.map(({ url, sha256 }) => `${url} ${uploads} ${sha256}\n`).join(''));
    const each = ['-a', store.at('pipe.txt'), '-P', PIPES_AT_ONCE, '-n', '3', 'bash', store.at('pipe.sh')];
    return measured((wrapper) => runQuietly([...wrapper, 'xargs', ...each]));
  }

  /** Writes a finished image to the disk, for skopeo to push: it can neither download a model nor pack one. */
  async saveLayout(repository: string): Promise<void> {
    const source = `docker://${this.#at(repository)}:latest`;
    await runQuietly(['skopeo', 'copy', '-q', '--src-tls-verify=false', source, `oci:${this.store.at('layout')}:it`]);
  }

  /** Pushes that image into a registry that has nothing of it. */
  async skopeo(): Promise<Measure> {
    const fresh = await startThrowawayRegistry();
    try {
      const target = `docker://${fresh.host}/bench/it:latest`;
      const args = ['copy', '-q', '--dest-tls-verify=false', `oci:${this.store.at('layout')}:it`, target];
      return await measured((wrapper) => runQuietly([...wrapper, 'skopeo', ...args]));
    } finally {
      await fresh.stop();
    }
  }

  async #prepare(): Promise<void> {
    await mkdir(this.store.at('app'));
    await writeFile(this.store.at('app', 'main.sh'), '#!/bin/sh\nexec httpd -f -p 8000 -h /model\n', { mode: 0o755 });
    const copy = ['skopeo', 'copy', '-q', '--src-tls-verify=false', '--dest-tls-verify=false'];
    await runQuietly([...copy, `docker://${this.#base}`, `docker://${this.#at(BASE)}`]);
    await this.#engine('pull', '--quiet', this.#at(BASE));
  }

  #at(repository: string): string {
    return `${this.registry.host}/${repository}`;
  }

  async #engine(...args: readonly string[]): Promise<void> {
    await runQuietly(['docker', ...args], { DOCKER_HOST: this.#docker });
  }

  async #measuredEngine(...args: readonly string[]): Promise<Measure> {
    return measured((wrapper) => runQuietly([...wrapper, 'docker', ...args], { DOCKER_HOST: this.#docker }));
  }

  async #filesOf(model: string, version: string): Promise<readonly StoredFile[]> {
    const container = BlobServiceClient.fromConnectionString(this.store.blob.connectionString).getContainerClient(
      CONTAINER,
    );
    const name = await manifestName(container, `${model}/versions/${version}/model.json`);
    const { folder, files } = readManifest((await container.getBlobClient(name).downloadToBuffer()).toString(), name);
    return files.map(({ path, sha256 }) => {
      const blob = name.replace(/model\.json$/, `${folder}/${path}`);
      return { name: blob, url: container.getBlobClient(blob).url.split('?')[0] ?? '', sha256 };
    });
  }
}

async function manifestName(container: ContainerClient, end: string): Promise<string> {
  for await (const { name } of container.listBlobsFlat()) if (name.endsWith(end)) return name;
  throw new Error(`${end} is not in the store`);
}
