import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { ObjectReader, type ReadingStore } from '../../../lib/model/stores/object-reader.ts';

const NEVER = new AbortController().signal;

describe('a range of an object', () => {
  /** Reads 6 bytes from answers that come one after the other, as from a cache that pays no heed to conditions. */
  const read = async (...answers: readonly (readonly [body: string, etag: string])[]): Promise<string> => {
    const left = [...answers];
    const store: ReadingStore = {
      uriOf: (name) => name,
      begin: () => {
        const [body, etag] = left.shift() ?? ['', ''];
        return Promise.resolve({ body: Readable.from([Buffer.from(body)]), length: 6, total: 6, etag });
      },
      retried: async (_name, signal, attempt) => {
        for (;;) {
          try {
            return await attempt(signal);
          } catch (error) {
            if (error instanceof DeliveryError || left.length === 0) throw error;
          }
        }
      },
      changed: (name) => new DeliveryError('BLOB_CHANGED', { message: name, remedy: '' }),
    };
    const into = Buffer.alloc(6);
    const reader = new ObjectReader(store, { expect: () => undefined });
    await reader.readRange({ name: 'a.bin', offset: 0, size: 6, etag: '0x8D' }, into, NEVER);
    return into.toString();
  };

  it('goes on after a broken connection, also where answers write the ETag otherwise than listings', async () => {
    assert.equal(await read(['abc', '"0x8D"'], ['def', 'W/"0x8D"']), 'abcdef');
  });

  it('is never of two states, even where nobody keeps to If-Match', async () => {
    await assert.rejects(read(['abcdef', '"0x8E"']), { code: 'BLOB_CHANGED' });
    await assert.rejects(read(['abc', '"0x8D"'], ['xyz', '"0x8E"']), { code: 'BLOB_CHANGED' });
  });
});
