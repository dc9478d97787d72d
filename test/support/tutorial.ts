// The surroundings in which the pipelines of examples/tutorial run on this machine: as their README asks for them.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { type PipelineResult, runPipeline } from '../../tools/agent/pipeline.ts';
import { connectionsTo } from '../../tools/demo/connections.ts';
import { ensurePython } from '../../tools/demo/python.ts';
import { ensureBaseImage } from '../../tools/services/base-image.ts';
import { ensureServices } from '../../tools/services/services.ts';
import { printedProgress } from '../../tools/services/stages.ts';

const run = promisify(execFile);
const EXAMPLE = join(import.meta.dirname, '..', '..', 'examples', 'tutorial');
const MODEL_FILES = ['digits.npz', 'synset.txt'];

/** A pipeline's result with all that it has shown. */
export type LoggedRun = PipelineResult & { readonly log: string };

export class Tutorial {
  /** Host of the registry. */
  readonly registry: string;
  /** A repository of this test's own, without the registry. */
  readonly repository = `tutorial/${randomUUID()}`;
  readonly #container: ContainerClient;
  readonly #supplies: Omit<Parameters<typeof runPipeline>[0], 'file'>;
  readonly #runFolders: string[] = [];

  private constructor(
    registry: string,
    container: ContainerClient,
    supplies: Omit<Parameters<typeof runPipeline>[0], 'file'>,
  ) {
    this.registry = registry;
    this.#container = container;
    this.#supplies = supplies;
  }

  /** @param namespace one of the cluster that is there */
  static async open(namespace: string): Promise<Tutorial> {
    const services = await ensureServices(['blob', 'registry', 'docker', 'cluster']);
    const [python, baseImage] = [await ensurePython(printedProgress()), await ensureBaseImage(services)];
    const { blob, registry, docker } = services;
    const container = BlobServiceClient.fromConnectionString(blob.connectionString).getContainerClient(
      `tutorial-${randomUUID()}`,
    );
    await container.create();
    return new Tutorial(registry.host, container, {
      connections: (await connectionsTo(services)).map((connection) => {
        return { ...connection, name: connection.name.replace('digits', 'tutorial') };
      }),
      variables: {
        ...{ python, baseImage, namespace, registry: registry.host, DOCKER_HOST: docker.host },
        ...{ storageAccount: blob.endpoint, container: container.containerName },
      },
      secrets: { storageKey: blob.accountKey },
      workingTree: true,
    });
  }

  async close(): Promise<void> {
    await this.#container.deleteIfExists();
    for (const folder of this.#runFolders) await rm(folder, { recursive: true, force: true });
  }

  /** The data scientist's part: trains a model and uploads its two files. */
  async publish(...options: readonly string[]): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'tutorial-model-'));
    try {
      const python = this.#supplies.variables?.python ?? 'python3';
      await run(python, ['train.py', '--output', folder, ...options], { cwd: EXAMPLE });
      for (const file of MODEL_FILES) await this.#container.getBlockBlobClient(file).uploadFile(join(folder, file));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Runs one of the example's pipelines, named by its file. */
  async run(file: string): Promise<LoggedRun> {
    const lines: string[] = [];
    const result = await runPipeline({
      ...this.#supplies,
      file: join(EXAMPLE, file),
      variables: { ...this.#supplies.variables, repository: this.repository },
      onLine: (line) => lines.push(line),
    });
    this.#runFolders.push(result.runFolder);
    return { ...result, log: lines.join('\n') };
  }

  /** The pictures that the example comes with, in base64, by what they show. */
  pictures(): ReadonlyMap<string, string> {
    const files = globSync('tests/integration/images/*.png', { cwd: EXAMPLE });
    return new Map(files.map((file) => [basename(file, '.png'), readFileSync(join(EXAMPLE, file), 'base64')]));
  }
}
