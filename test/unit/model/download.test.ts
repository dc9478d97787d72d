import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate as soon } from 'node:timers/promises';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { download } from '../../../lib/model/download.ts';
import type { ReadRange } from '../../../lib/model/read-ahead.ts';
import type { ModelFile } from '../../../lib/model/resolved-model.ts';
import { Staging } from '../../../lib/model/staging.ts';
import { silent, TestFolder } from '../../support/model-folder.ts';

const NEVER = new AbortController().signal;
const MiB = 1024 * 1024;
/** More than all memory that a download has. */
const LARGE = 80 * MiB;
/** Requests that are answered before the others stall. */
const ARRIVING = 12;

describe('a download of files that are larger than its memory', () => {
  let folder: TestFolder;
  let staging: Staging;
  beforeEach(async () => {
    folder = new TestFolder();
    staging = await Staging.open(folder.at('staging'), 'fingerprint');
  });
  afterEach(async () => {
    await staging.discard();
    folder.remove();
  });

  /** Files of a store that is nothing but its answer to a read. */
  const files = (count: number, readRange: ReadRange): readonly ModelFile[] =>
    Array.from({ length: count }, (_, index) => ({
      path: `${index}.bin`,
      size: LARGE,
      sha256: undefined,
      md5: undefined,
      identity: undefined,
      readRange,
      open: () => assert.fail('reads ranges'),
      openBriefly: () => assert.fail('reads ranges'),
    }));
  const arrives: ReadRange = async (_offset, into, signal) => {
    await soon();
    signal.throwIfAborted();
    into.fill(1);
  };

  it('ends with the refusal of its first request', async () => {
    let asked = 0;
    const refuses: ReadRange = async (...read) => {
      asked += 1;
      if (asked > 1) return arrives(...read);
      // Until the first file has all the memory, and waits for more.
      while (asked < 8) await soon();
      await soon();
      throw new DeliveryError('BLOB_NOT_FOUND', { message: 'It is gone.', remedy: 'Look.' });
    };
    await assert.rejects(download(files(2, refuses), { staging, cache: undefined }, silent, NEVER), {
      code: 'BLOB_NOT_FOUND',
    });
  });

  it('ends when it is cancelled in the middle', async () => {
    const stop = new AbortController();
    let asked = 0;
    const cancelled = new DeliveryError('CANCELLED', { message: 'Stop.', remedy: 'Again.' });
    const stalls: ReadRange = async (offset, into, signal) => {
      asked += 1;
      // By then so many have arrived and been written, and all memory is taken by requests that stall.
      if (asked === ARRIVING + 8) void soon().then(() => stop.abort(cancelled));
      if (asked <= ARRIVING) return arrives(offset, into, signal);
      await once(signal, 'abort');
      signal.throwIfAborted();
    };
    await assert.rejects(download(files(10, stalls), { staging, cache: undefined }, silent, stop.signal), cancelled);
  });
});
