// The store, the files and the contenders of the store benchmark.
import { randomFillSync } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient, type ContainerClient, ContainerSASPermissions } from '@azure/storage-blob';
import type { BlobService } from '../../services/blob.ts';
import { startThrowawayBlob, type Stoppable } from '../../services/throwaway.ts';
import { runTaskProcess } from '../../agent/task-process.ts';
import { inTurn, type Measure, measured, runQuietly } from '../measured.ts';

export const CONTAINER = 'models';

/** A store of its own and a folder for all files, both gone at the end. */
export class Workbench {
  readonly blob: BlobService;
  readonly folder: string;
  readonly #service: Stoppable;

  private constructor(blob: BlobService & Stoppable, folder: string) {
    this.blob = blob;
    this.#service = blob;
    this.folder = folder;
  }

  static async start(): Promise<Workbench> {
    const folder = await mkdtemp(join(tmpdir(), 'bench-'));
    // What is measured are the contenders, not how the emulator looks for garbage.
    const blob = await startThrowawayBlob({ largeBodies: true });
    const workbench = new Workbench(blob, folder);
    await workbench.emptyStore();
    return workbench;
  }

  async stop(): Promise<void> {
    await this.#service.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The same store and folder, the store reached through a proxy. */
  behind(origin: string): Workbench {
    const { endpoint, connectionString } = this.blob;
    const moved = (address: string): string => address.replaceAll(new URL(endpoint).origin, origin);
    const blob = { ...this.blob, endpoint: moved(endpoint), connectionString: moved(connectionString) };
    return new Workbench({ ...blob, stop: () => this.stop() }, this.folder);
  }

  /** Removes all that is in the store: the emulator goes through all its blobs for each request about one of them. */
  async emptyStore(): Promise<void> {
    await this.#container.deleteIfExists();
    // Open to everyone for reading, because curl cannot sign requests.
    await this.#container.create({ access: 'container' });
  }

  at(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  /** Makes files of random bytes in a folder, and returns its path. */
  async files(name: string, count: number, size: number): Promise<string> {
    await this.emptyFolder(name);
    const piece = Buffer.allocUnsafe(Math.min(size, 8 * 1024 * 1024));
    for (let index = 0; index < count; index++) {
      const file = await open(this.at(name, `${String(index).padStart(4, '0')}.bin`), 'w');
      for (let written = 0; written < size; written += piece.length) await file.write(randomFillSync(piece));
      await file.close();
    }
    return this.at(name);
  }

  /** Removes what a run made, outside of what is measured. */
  async clear(...names: readonly string[]): Promise<void> {
    for (const name of names) await rm(this.at(name), { recursive: true, force: true });
  }

  /**
   * Removes what a run made, waits until the disk has taken what runs before have written, and lets the next one find memory for as
   * much again: a virtual machine gives back to its host what was not used for a moment, and to get 1 GiB of it takes up
   * to 2 s, of whoever happens to need it.
   */
  async makeRoom(bytes: number, ...names: readonly string[]): Promise<void> {
    await this.clear(...names);
    await runQuietly(['sync']);
    const piece = Buffer.alloc(8 * 1024 * 1024);
    const file = await open(this.at('room'), 'w');
    for (let written = 0; written < 1.25 * bytes; written += piece.length) await file.write(piece);
    await file.close();
    await this.clear('room');
  }

  async emptyFolder(name: string): Promise<string> {
    await mkdir(this.at(name));
    return this.at(name);
  }

  /** Runs a packed task as the agent does. */
  async task(task: 'PublishModel' | 'FetchLatestModel', inputs: Readonly<Record<string, string>>): Promise<Measure> {
    const { connectionString } = this.blob;
    const store = { storageAuth: 'connectionString', connectionString, container: CONTAINER };
    return await measured(async (wrapper) => {
      const { result, log } = await runTaskProcess({
        task,
        inputs: { ...store, ...inputs },
        variables: { store: { value: connectionString, secret: true } },
        wrapper,
      });
      if (result !== 'Succeeded') throw new Error(`${task} ended as ${result}:\n${log}`);
    });
  }

  async publish(model: string, version: string, source: string): Promise<Measure> {
    return await this.task('PublishModel', { model, version, source });
  }

  async fetch(model: string, destination: string): Promise<Measure> {
    return await this.task('FetchLatestModel', { model, destination: this.at(destination) });
  }

  /** Runs `az storage blob …`. */
  async az(command: string, ...args: readonly string[]): Promise<Measure> {
    const env = { AZURE_STORAGE_CONNECTION_STRING: this.blob.connectionString, AZURE_CORE_COLLECT_TELEMETRY: 'no' };
    const quiet = ['--no-progress', '--only-show-errors', '--output', 'none'];
    return await measured((wrapper) =>
      runQuietly([...wrapper, 'az', 'storage', 'blob', command, ...args, ...quiet], env),
    );
  }

  /** Downloads blobs side by side with one curl. */
  async curl(blobs: readonly string[], destination: string): Promise<Measure> {
    await mkdir(this.at(destination), { recursive: true });
    return await this.#curl(
      blobs.map((blob, index) => {
        const file = this.at(destination, `${String(index).padStart(4, '0')}.bin`);
        return `url = "${this.blob.endpoint}/${CONTAINER}/${blob}"\noutput = "${file}"\n`;
      }),
    );
  }

  /** Downloads one blob with curl and then looks at its digest, as a careful script does. */
  async curlAndCheck(blob: string, destination: string): Promise<Measure> {
    return await inTurn([
      () => this.curl([blob], destination),
      () => measured((wrapper) => runQuietly([...wrapper, 'sha256sum', this.at(destination, '0000.bin')])),
    ]);
  }

  /** Uploads the files of a folder, each in one request, side by side with one curl. */
  async curlUpload(source: string, prefix: string): Promise<Measure> {
    const expiresOn = new Date(Date.now() + 60 * 60_000);
    const writable = await this.#container.generateSasUrl({
      permissions: ContainerSASPermissions.parse('cw'),
      expiresOn,
    });
    const [address, signature] = writable.split('?');
    const list = (await readdir(source)).map(
      (name) => `url = "${address}/${prefix}${name}?${signature}"\nupload-file = "${join(source, name)}"\n`,
    );
    return await this.#curl(['header = "x-ms-blob-type: BlockBlob"\n', ...list]);
  }

  get #container(): ContainerClient {
    return BlobServiceClient.fromConnectionString(this.blob.connectionString).getContainerClient(CONTAINER);
  }

  async #curl(settings: readonly string[]): Promise<Measure> {
    await writeFile(this.at('curl.txt'), settings.join(''));
    const side = ['--parallel', '--parallel-max', '16'];
    return await measured((wrapper) =>
      runQuietly([...wrapper, 'curl', '--silent', '--fail', ...side, '--config', this.at('curl.txt')]),
    );
  }
}
