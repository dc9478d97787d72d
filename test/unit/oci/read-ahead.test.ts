import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type BlobSource, SourceReader } from '../../../lib/oci/blob-source.ts';
import { digestOf } from '../../../lib/oci/digest.ts';
import { inParallel } from '../../../lib/oci/in-parallel.ts';
import { readAhead } from '../../../lib/oci/read-ahead.ts';
import { largestPiece, smallerPiece, WHOLE } from '../../../lib/oci/upload-pieces.ts';

const NEVER = new AbortController().signal;
const settings = { capacity: 10, idleLimit: 1000, name: 'the source' };
async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('reading ahead', () => {
  it('gives what the source gives', async () => {
    const chunks = ['a', 'bc', 'defghijklmnop', 'q'].map((text) => Buffer.from(text));
    assert.equal(String(await collect(readAhead(streamOf(chunks), settings))), 'abcdefghijklmnopq');
  });

  it('stops at its capacity while nobody takes', async () => {
    let given = 0;
    const source = (async function* () {
      for (;;) {
        given += 1;
        yield await Promise.resolve(Buffer.alloc(4));
      }
    })();
    const reader = readAhead(source, settings);
    await reader.next();
    for (let n = 0; n < 20; n += 1) await turn();
    assert.ok(given <= 5, `${given} chunks of 4 bytes were read for a capacity of 10`);
    await reader.return(undefined);
  });

  it('passes on what makes the source fail, after what came before it', async () => {
    const source = (async function* () {
      yield await Promise.resolve(Buffer.from('x'));
      throw new Error('broken');
    })();
    const reader = readAhead(source, settings);
    assert.equal(String((await reader.next()).value), 'x');
    await assert.rejects(reader.next(), /broken/);
  });

  it('gives up on a source that stalls', async () => {
    const stalled = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
    await assert.rejects(collect(readAhead(stalled, { ...settings, idleLimit: 5 })), {
      code: 'SOURCE_STALLED',
      message: /the source/,
    });
  });
});

describe('a source that is sent in pieces', () => {
  const content = Buffer.from('0123456789'.repeat(10));
  const source = {
    name: 'it',
    size: content.length,
    open: (offset: number) => streamOf([content.subarray(offset, 55), content.subarray(Math.max(offset, 55))]),
  };

  /** The same without its size; counts how often it is opened. */
  const unsizedSource = (): BlobSource & { readonly opened: number } => {
    let opened = 0;
    return {
      name: 'it',
      size: undefined,
      open: (offset) => {
        opened += 1;
        return source.open(offset);
      },
      get opened() {
        return opened;
      },
    };
  };

  it('gives each piece exactly, and the digest of the whole', async () => {
    const reader = new SourceReader(source, NEVER);
    const pieces = [
      await collect((await reader.piece(0, 33)).body),
      await collect((await reader.piece(33, 33)).body),
      await collect((await reader.piece(66, 34)).body),
    ];
    assert.deepEqual(Buffer.concat(pieces), content);
    assert.equal(reader.digest(), digestOf(content));
  });

  it('may go back and send again without spoiling the digest', async () => {
    const reader = new SourceReader(source, NEVER);
    await collect((await reader.piece(0, 70)).body);
    reader.close();
    assert.deepEqual(await collect((await reader.piece(20, 60)).body), content.subarray(20, 80));
    assert.deepEqual(await collect((await reader.piece(80, 20)).body), content.subarray(80));
    assert.equal(reader.digest(), digestOf(content));
  });

  it('gives a piece whole although the one that broke off before still waits for its first chunk', async () => {
    const chunks = [content.subarray(0, 55), content.subarray(55)];
    let first = (): void => undefined;
    const slow = {
      ...source,
      open: async function* () {
        await new Promise<void>((resolve) => (first = resolve));
        yield* chunks;
      },
    };
    const reader = new SourceReader(slow, NEVER);
    const broken = collect((await reader.piece(0, 100)).body);
    const [wakeBroken, whole] = [first, collect((await reader.piece(0, 100)).body)];
    wakeBroken();
    first();
    assert.deepEqual([await broken, await whole], [Buffer.alloc(0), content]);
    assert.equal(reader.digest(), digestOf(content));
  });

  it('may be of a size that nobody knows: pieces are gathered, and an empty one shows the end', async () => {
    const unsized = unsizedSource();
    const reader = new SourceReader(unsized, NEVER);
    const first = await reader.piece(0, 60);
    assert.deepEqual([first.end, await collect(first.body)], [60, content.subarray(0, 60)]);
    // What the registry wants again of a piece is at hand.
    const again = await reader.piece(20, 10);
    assert.deepEqual([again.end, await collect(again.body)], [30, content.subarray(20, 30)]);
    const rest = await reader.piece(60, 60);
    assert.deepEqual([rest.end, await collect(rest.body), reader.size], [100, content.subarray(60), 100]);
    assert.equal(unsized.opened, 1);
    assert.equal((await reader.piece(100, 60)).end, 100);
    assert.equal(reader.digest(), digestOf(content));
    const afresh = await reader.piece(0, 100);
    assert.deepEqual([await collect(afresh.body), unsized.opened], [content, 2]);
  });

  it('of unknown size gives no piece below the least but the last, also where some of a piece is wanted again', async () => {
    const unsized = unsizedSource();
    const reader = new SourceReader(unsized, NEVER);
    assert.equal((await reader.piece(0, 40, 30)).end, 40);
    // What is at hand is enough, then too little.
    const some = await reader.piece(5, 40, 30);
    assert.deepEqual([some.end, await collect(some.body)], [40, content.subarray(5, 40)]);
    const more = await reader.piece(25, 40, 30);
    assert.deepEqual([more.end, await collect(more.body)], [65, content.subarray(25, 65)]);
    assert.equal((await reader.piece(65, 40, 30)).end, 100);
    const last = await reader.piece(90, 40, 30);
    assert.deepEqual([last.end, await collect(last.body), unsized.opened], [100, content.subarray(90), 1]);
    assert.equal(reader.digest(), digestOf(content));
  });

  it('may be all in one piece, which is not gathered first, also where nobody knows its size', async () => {
    let asked = 0;
    const unsized = {
      name: 'it',
      size: undefined,
      open: async function* () {
        for (asked = 1; asked <= 10; asked += 1)
          yield await Promise.resolve(content.subarray(10 * asked - 10, 10 * asked));
      },
    };
    const reader = new SourceReader(unsized, NEVER);
    const { end, body } = await reader.piece(0, WHOLE, 50);
    assert.deepEqual([end, asked, reader.size], [Infinity, 0, undefined]);
    assert.deepEqual([await collect(body), reader.size, reader.digest()], [content, 100, digestOf(content)]);
    // Once more, from its beginning.
    assert.deepEqual(await collect((await reader.piece(0, WHOLE)).body), content);
    assert.equal((await new SourceReader(source, NEVER).piece(0, WHOLE)).end, 100);
  });

  it('may be silent for minutes, as while a busy store is left alone, but not for ever', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      for (const [minutes, ends] of [
        [10, false],
        [60, true],
      ] as const) {
        let come = (): void => undefined;
        const silent = {
          ...source,
          open: async function* () {
            await new Promise<void>((resolve) => (come = resolve));
            yield content;
          },
        };
        const reading = collect((await new SourceReader(silent, NEVER).piece(0, 100)).body);
        await turn();
        mock.timers.tick(minutes * 60_000);
        come();
        if (ends) await assert.rejects(reading, { code: 'SOURCE_STALLED', message: /^it gave no byte/ });
        else assert.deepEqual(await reading, content);
      }
    } finally {
      mock.timers.reset();
    }
  });

  it('remembers why it could not be read', async () => {
    const broken = { ...source, open: () => streamOf([content.subarray(0, 5)]) };
    const reader = new SourceReader(broken, NEVER);
    await assert.rejects(collect((await reader.piece(0, 100)).body));
    assert.match(reader.failure?.message ?? '', /ended before the 100 that were announced/);
  });
});

describe('pieces of an upload', () => {
  it('begin smaller where a cloud caps the body of a request', () => {
    assert.ok(largestPiece('shop.azurecr.io') < largestPiece('127.0.0.1:5000'));
  });

  it('are all of it where a registry takes none, or none that can break', () => {
    for (const registry of [
      '123456789012.dkr.ecr.eu-west-1.amazonaws.com',
      '123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn',
      '123456789012.dkr.ecr-fips.us-east-1.amazonaws.com',
      '123456789012.dkr-ecr.eu-west-1.on.aws',
      'public.ecr.aws',
      'europe-west3-docker.pkg.dev',
      'gcr.io',
      'eu.gcr.io',
      'ghcr.io',
      'containers.shop.ghe.com',
      'quay.io',
    ]) {
      assert.equal(largestPiece(registry), WHOLE, registry);
    }
    for (const registry of [
      ...['docker.io', 'registry.gitlab.com', 'shop.azurecr.io', 'localhost:5000'],
      // No names of these clouds.
      ...['notgcr.io', 'ghcr.io.example.com', 'quay.io:8443', 'dkr.ecr.example.com', 's3.eu-west-1.amazonaws.com'],
    ]) {
      assert.ok(largestPiece(registry) < WHOLE, registry);
    }
    assert.equal(smallerPiece(WHOLE, 1), 0);
  });

  it('step down until they are as small as a registry takes, then there is none left', () => {
    const sizes: number[] = [];
    for (let size = 256 * 2 ** 20; size > 0; size = smallerPiece(size, 5 * 2 ** 20)) sizes.push(size / 2 ** 20);
    assert.deepEqual(sizes, [256, 64, 16, 5]);
  });
});

describe('work in parallel', () => {
  it('keeps the order of the items and the limit', async () => {
    let running = 0;
    let most = 0;
    const results = await inParallel([1, 2, 3, 4, 5], { limit: 2, signal: NEVER }, async (item) => {
      running += 1;
      most = Math.max(most, running);
      await turn();
      running -= 1;
      return item * 10;
    });
    assert.deepEqual(results, [10, 20, 30, 40, 50]);
    assert.equal(most, 2);
  });

  it('stops with the first failure and waits for what runs', async () => {
    let stopped = false;
    const work = inParallel([1, 2, 3], { limit: 2, signal: NEVER }, async (item, signal) => {
      if (item === 1) throw new Error('first');
      assert.notEqual(item, 3);
      while (!signal.aborted) await turn();
      stopped = true;
      signal.throwIfAborted();
    });
    await assert.rejects(work, /first/);
    assert.ok(stopped);
  });
});

async function* streamOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}
