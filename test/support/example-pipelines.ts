// The surroundings in which the pipelines of an example run on this machine: as its README asks for them.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BlobServiceClient, type ContainerClient, ContainerSASPermissions } from '@azure/storage-blob';
import { createDispatcher } from '../../lib/http/dispatcher.ts';
import { RegistryClient } from '../../lib/oci/registry-client.ts';
import { Repository } from '../../lib/oci/repository.ts';
import { type PipelineOptions, type PipelineResult, runPipeline } from '../../tools/agent/pipeline.ts';
import { connectionsTo } from '../../tools/demo/connections.ts';
import { ensurePython } from '../../tools/demo/python.ts';
import { ensureBaseImage } from '../../tools/services/base-image.ts';
import { ensureServices } from '../../tools/services/services.ts';
import { printedProgress } from '../../tools/services/stages.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const NEVER = new AbortController().signal;
const PULL_REQUEST = 'azure-pipelines.pull-request.yml';
const SIGNATURE_LIFE = 60 * 60_000;
const run = promisify(execFile);

/** A pipeline's result with all that it has shown. */
export type LoggedRun = PipelineResult & { readonly log: string };

/** What the pipelines of an example are run with. */
type Supplies = Omit<PipelineOptions, 'file'> & { readonly variables: Readonly<Record<string, string>> };

/** What a run is given besides. */
type Given = Pick<PipelineOptions, 'parameters' | 'variables'>;

/** What opens the services to a run. */
type Keys = Pick<PipelineOptions, 'connections' | 'secrets'>;

export class ExamplePipelines {
  /** Folder of the example. */
  readonly folder: string;
  /** A container of the blob store, for this test alone. */
  readonly container: ContainerClient;
  /** A repository of the registry, for this test alone. */
  readonly repository: Repository;
  readonly #supplies: Supplies;
  /** What a pull request gets in place of the supplies' own: nothing that can write. */
  readonly #readOnly: Keys;
  readonly #dispatcher: ReturnType<typeof createDispatcher>;
  readonly #runs: PipelineResult[] = [];

  private constructor(
    example: string,
    container: ContainerClient,
    registry: string,
    supplies: Supplies,
    readOnly: Keys,
  ) {
    this.folder = join(ROOT, 'examples', example);
    this.container = container;
    this.#supplies = supplies;
    this.#readOnly = readOnly;
    this.#dispatcher = createDispatcher();
    const client = new RegistryClient({ registry, dispatcher: this.#dispatcher });
    this.repository = new Repository(client, { registry, repository: supplies.variables.repository ?? '' }, 'pull');
  }

  /** @param namespace one of the cluster that is there */
  static async open(example: 'digits' | 'tutorial', namespace: string): Promise<ExamplePipelines> {
    const services = await ensureServices(['blob', 'registry', 'docker', 'cluster']);
    const [python, baseImage] = [await ensurePython(printedProgress()), await ensureBaseImage(services)];
    const { blob, registry, docker } = services;
    const service = BlobServiceClient.fromConnectionString(blob.connectionString);
    const container = service.getContainerClient(`example-${randomUUID()}`);
    await container.create();
    const connections = (await connectionsTo(services)).map((connection) => {
      return { ...connection, name: connection.name.replace('digits', example) };
    });
    const supplies: Supplies = {
      connections,
      variables: {
        python,
        baseImage,
        namespace,
        registry: registry.host,
        DOCKER_HOST: docker.host,
        storageAccount: blob.endpoint,
        container: container.containerName,
        repository: `${example}/${randomUUID()}`,
      },
      secrets: { storageKey: blob.accountKey, storageConnectionString: blob.connectionString },
      workingTree: true,
      // The templates of this very project, in the place of those of a version that is out.
      repositories: { 'model-delivery': ROOT },
    };
    return new ExamplePipelines(example, container, registry.host, supplies, {
      connections: connections
        .filter(({ type }) => type === 'dockerregistry')
        .map((connection) => ({ ...connection, name: `${connection.name}-read` })),
      secrets: { storageReadSas: await signatureToRead(container) },
    });
  }

  async close(): Promise<void> {
    await this.container.deleteIfExists();
    await this.#dispatcher.destroy();
    for (const { runFolder, outputs } of this.#runs) {
      await rm(runFolder, { recursive: true, force: true });
      const image = outputs['bundle.image'] ?? '';
      // One that was pushed nowhere is still in the engine.
      if (/:pull-request-\d+$/.test(image)) await run('docker', ['-H', this.#host, 'image', 'rm', '--force', image]);
    }
  }

  /** Runs one of the example's pipelines, named by its file. */
  async run(file: string, { parameters = {}, variables = {} }: Given = {}): Promise<LoggedRun> {
    const lines: string[] = [];
    const result = await runPipeline({
      ...this.#supplies,
      ...(file === PULL_REQUEST ? this.#readOnly : {}),
      file: join(this.folder, file),
      parameters,
      variables: { ...this.#supplies.variables, ...variables },
      onLine: (line) => lines.push(line),
    });
    this.#runs.push(result);
    return { ...result, log: lines.join('\n') };
  }

  /** Runs a script of the example's. */
  async script(...args: readonly string[]): Promise<void> {
    await run(this.#supplies.variables.python ?? '', args, { cwd: this.folder });
  }

  tags(): Promise<readonly string[]> {
    return this.repository.tags(NEVER);
  }

  digestOf(tag: string): Promise<string | undefined> {
    return this.repository.digestOfTag(tag, NEVER);
  }

  get #host(): string {
    return this.#supplies.variables.DOCKER_HOST ?? '';
  }
}

/** A signature that lets its holder list and read one container's blobs, and nothing else. */
async function signatureToRead(container: ContainerClient): Promise<string> {
  const url = await container.generateSasUrl({
    permissions: ContainerSASPermissions.parse('rl'),
    expiresOn: new Date(Date.now() + SIGNATURE_LIFE),
  });
  return new URL(url).search.slice(1);
}
