import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { fetchModel, type FetchedModel } from '../../../lib/model/fetch.ts';
import type { ObjectStore } from '../../../lib/model/stores/object-store.ts';
import { type BlobContainer, put } from '../../support/blob-container.ts';
import { useFreshStore } from '../../support/fresh-store.ts';
import { contentOf, silent, TestFolder } from '../../support/model-folder.ts';

const NEVER = new AbortController().signal;

describe('blobs that are named strangely', () => {
  let container: BlobContainer;
  let store: ObjectStore;
  let folder: TestFolder;

  useFreshStore((fresh) => ({ container, store, folder } = fresh));

  const fetchAll = (): Promise<FetchedModel> =>
    fetchModel(
      store,
      { layout: 'plain', model: undefined, patterns: ['**'], select: 'all' },
      folder.at('out'),
      silent,
      NEVER,
    );

  it('come as they are: 1,024 characters, spaces, signs, either form of an accent', async () => {
    const long = `${['a', 'b', 'c', 'd'].map((letter) => letter.repeat(250)).join('/')}/${'e'.repeat(20)}`;
    assert.equal(long.length, 1024);
    const names = [
      long,
      'a b/c%2Fd #?.bin',
      'composed-\u00e9.bin',
      'decomposed-e\u0301.bin',
      'nul',
      'colon:x',
      'end. ',
    ];
    for (const name of names) await put(container, name, name);
    await fetchAll();
    assert.deepEqual(Object.keys(contentOf(folder.at('out'))).sort(), [...names].sort());
    assert.equal((await fetchAll()).result, 'unchanged');
  });

  it('are refused where a disk could take two of them for one', async () => {
    for (const pair of [
      ['caf\u00e9.bin', 'cafe\u0301.bin'],
      ['Model.bin', 'model.bin'],
      ['a', 'A/b'],
    ]) {
      for (const name of pair) await put(container, name, name);
      await assert.rejects(fetchAll(), { code: 'PATH_UNSAFE' }, pair.join());
      for (const name of pair) await container.client.deleteBlob(name);
    }
    assert.deepEqual(contentOf(folder.at('out')), {});
  });

  it('are refused where a part of the name is too long for a disk', async () => {
    await put(container, 'x'.repeat(300), 'x');
    await assert.rejects(fetchAll(), { code: 'PATH_UNSAFE', message: /255 bytes/ });
  });

  it('come empty beside others, with the digest that nothing has', async () => {
    await put(container, 'empty.txt', '');
    await put(container, 'model.bin', 'x');
    const { files } = await fetchAll();
    const nothing = createHash('sha256').digest('hex');
    assert.deepEqual(files[0], { path: 'empty.txt', size: 0, sha256: nothing });
  });
});
