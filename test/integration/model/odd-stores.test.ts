import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { linkSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fetchModel, type FetchedModel } from '../../../lib/model/fetch.ts';
import { publishModel } from '../../../lib/model/publish.ts';
import type { ManagedSelection, ModelSelection, PlainSelection } from '../../../lib/model/selection.ts';
import type { ObjectStore } from '../../../lib/model/stores/object-store.ts';
import { type BlobContainer, openContainer, put } from '../../support/blob-container.ts';
import { useFreshStore } from '../../support/fresh-store.ts';
import { type Content, contentOf, noise, silent, TestFolder } from '../../support/model-folder.ts';

const NEVER = new AbortController().signal;
const MANIFEST = 'models/digits/versions/1/model.json';
const latest: ManagedSelection = { layout: 'managed', prefix: 'models', model: 'digits', by: { channel: 'latest' } };
const plain = (...patterns: string[]): PlainSelection => ({
  layout: 'plain',
  model: undefined,
  patterns,
  select: 'all',
});

interface ManifestDocument {
  schemaVersion: number;
  digest: string;
  files: { path: string; size: number; sha256: string }[];
}

describe('fetching what is not as it should be', function () {
  this.timeout(300_000);
  let container: BlobContainer;
  let store: ObjectStore;
  let folder: TestFolder;

  useFreshStore((fresh) => ({ container, store, folder } = fresh));

  const publish = async (version: string, content: Content): Promise<void> => {
    const path = folder.write(`source-${version}`, content);
    const what = { path, prefix: 'models', model: 'digits', channel: 'latest', properties: {}, source: {} };
    await publishModel(store, { ...what, version }, silent, NEVER);
  };
  const fetch = (selection: ModelSelection = latest, from = store): Promise<FetchedModel> =>
    fetchModel(from, selection, folder.at('out/model'), silent, NEVER);
  const fetched = (): Record<string, string> => contentOf(folder.at('out/model'));
  const manifestText = async (): Promise<string> => (await store.read(MANIFEST, NEVER))?.text ?? '';

  describe('a manifest', () => {
    beforeEach(() => publish('1', { 'model.bin': noise(100_000) }));

    it('that is cut short, is no JSON, or is of another schema is refused by its address', async () => {
      const whole = await manifestText();
      const wrong = {
        'cut short': whole.slice(0, whole.length / 2),
        'no JSON': '<Error>not here</Error>',
        'no object': '[]',
        empty: '',
        newer: whole.replace('"schemaVersion": 1', '"schemaVersion": 2'),
        'of another model': whole.replace('"digits"', '"letters"'),
      };
      for (const [kind, text] of Object.entries(wrong)) {
        assert.notEqual(text, whole, kind);
        await put(container, MANIFEST, text);
        await assert.rejects(fetch(), { code: 'MANIFEST_INVALID', message: /versions\/1\/model\.json/ }, kind);
      }
      assert.deepEqual(fetched(), {});
    });

    it('that lies about a size or a hash brings nothing', async () => {
      const truth = JSON.parse(await manifestText()) as ManifestDocument;
      const [file] = truth.files;
      assert.ok(file);
      const lie = async (lied: Partial<typeof file>): Promise<void> => {
        const files = [{ ...file, ...lied }];
        const lines = files.map(({ sha256, path }) => `${sha256}  ${path}\n`).join('');
        const digest = `sha256:${createHash('sha256').update(lines).digest('hex')}`;
        await put(container, MANIFEST, JSON.stringify({ ...truth, files, digest }));
      };
      for (const [lied, code] of [
        [{ size: file.size - 1 }, 'BLOB_CHANGED'],
        [{ size: file.size + 1 }, 'BLOB_CHANGED'],
        [{ size: 2 ** 50 }, 'DISK_FULL'],
        [{ sha256: 'f'.repeat(64) }, 'DIGEST_MISMATCH'],
      ] as const) {
        await lie(lied);
        await assert.rejects(fetch(), { code });
        assert.deepEqual(fetched(), {});
      }
      await put(container, MANIFEST, JSON.stringify({ ...truth, digest: `sha256:${'0'.repeat(64)}` }));
      await assert.rejects(fetch(), { code: 'MANIFEST_INVALID', message: /digest/ });
    });
  });

  describe('a container', () => {
    it('that is empty says so', async () => {
      await assert.rejects(fetch(plain('**')), { code: 'BLOB_NOT_FOUND', remedy: /nothing near/ });
      await assert.rejects(fetch(), { code: 'MODEL_NOT_FOUND', remedy: /No model is published there/ });
    });

    it('of 6,000 blobs is listed whole', async () => {
      let next = 0;
      const name = (index: number): string => `many/${String(index).padStart(4, '0')}`;
      const writer = async (): Promise<void> => {
        while (next < 6000) await put(container, name(next++), 'x');
      };
      await Promise.all(Array.from({ length: 24 }, writer));
      const names: string[] = [];
      for await (const object of store.list('many/', NEVER)) names.push(object.name);
      assert.deepEqual(
        names,
        Array.from({ length: 6000 }, (_, index) => name(index)),
      );
      assert.equal((await fetch(plain('many/5999'))).files.length, 1);
    });

    it('brings blobs whose names are as long as names may be, or look like others once decoded', async () => {
      const long = ['d'.repeat(250), 'e'.repeat(250), 'f'.repeat(250), 'g'.repeat(250), `${'h'.repeat(16)}.bin`].join(
        '/',
      );
      assert.equal(long.length, 1024);
      const names = [long, 'a%2Fb.bin', 'a/b.bin', 'a%20b.bin', 'a b.bin', 'plus+sign.bin', 'ends with.dot.'];
      for (const name of names) await put(container, name, name);
      await fetch(plain('**'));
      assert.deepEqual(fetched(), Object.fromEntries(names.map((name) => [name, name])));
    });

    it('that knows no MD5 of a blob is fine', async () => {
      const blob = container.client.getBlockBlobClient('model.pkl');
      await blob.stageBlock('YQ==', 'weights', 7);
      await blob.commitBlockList(['YQ==']);
      await fetch(plain('model.pkl'));
      assert.deepEqual(fetched(), { 'model.pkl': 'weights' });
    });
  });

  describe('a server', () => {
    it('that leads elsewhere is not followed, and nobody there is shown the credentials', async () => {
      const seen: string[] = [];
      const elsewhere = await listening((url, headers) => {
        seen.push(`${url} ${headers.authorization ?? ''}`);
        return { status: 200 };
      });
      for (const location of ['http://169.254.169.254/metadata/identity', elsewhere.origin]) {
        for (const status of [301, 302, 307, 308]) {
          const front = await listening(() => ({ status, location }));
          const from = await openContainer(container, { origin: front.origin });
          await assert.rejects(fetch(plain('model.pkl'), from), {
            code: 'STORE_FAILED',
            message: new RegExp(` ${status}`),
          });
          await assert.rejects(from.read('model.pkl', NEVER), { code: 'STORE_FAILED' });
          front.server.close();
        }
      }
      elsewhere.server.close();
      assert.deepEqual(seen, []);
    });
  });

  describe('a destination that somebody has been at', () => {
    beforeEach(async () => {
      await publish('1', { 'model.bin': 'first' });
      await fetch();
      await publish('2', { 'model.bin': 'second' });
    });
    const model = (): string => folder.at('out/model/model.bin');

    it('with links in it: what they lead to is never written to', async () => {
      for (const link of [symlinkSync, linkSync]) {
        writeFileSync(folder.at('precious'), 'first');
        rmSync(model());
        link(folder.at('precious'), model());
        await fetch({ ...latest, by: { version: '2' } });
        assert.equal(readFileSync(folder.at('precious'), 'utf8'), 'first');
        assert.deepEqual(fetched(), { 'model.bin': 'second' });
        await fetch({ ...latest, by: { version: '1' } });
      }
    });

    it('with a link to nowhere, a pipe or a device in it: it is replaced by the model', async () => {
      for (const spoil of [
        () => symlinkSync('/no/such/file', model()),
        () => assert.equal(spawnSync('mkfifo', [model()]).status, 0),
        () => spawnSync('mknod', [model(), 'c', '1', '5']),
      ]) {
        rmSync(model());
        spoil();
        await fetch();
        assert.deepEqual(fetched(), { 'model.bin': 'second' });
      }
    });
  });
});

interface Answer {
  readonly status: number;
  readonly location?: string;
}

/** A server of its own, which answers everything in one way. */
async function listening(
  answerTo: (url: string, headers: { readonly authorization?: string | undefined }) => Answer,
): Promise<{ readonly server: Server; readonly origin: string }> {
  const server = createServer((request, answer) => {
    const { status, location } = answerTo(request.url ?? '', request.headers);
    answer.writeHead(status, { 'content-length': '0', ...(location === undefined ? {} : { location }) }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
