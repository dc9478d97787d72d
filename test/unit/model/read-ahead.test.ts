import assert from 'node:assert/strict';
import { setImmediate as soon } from 'node:timers/promises';
import { PIECE, readAhead, type ReadRange } from '../../../lib/model/read-ahead.ts';
import { Slots } from '../../../lib/model/slots.ts';

const NEVER = new AbortController().signal;

/** Something of which each piece is just its own offset; `calls` are the requests made for it so far. */
function source(answer: (offset: number) => Promise<Buffer>): { readonly read: ReadRange; readonly calls: number[] } {
  const calls: number[] = [];
  return {
    calls,
    read: (offset) => {
      calls.push(offset);
      return answer(offset);
    },
  };
}
const named = (offset: number): Buffer => Buffer.from(String(offset / PIECE));

async function textOf(pieces: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece.toString();
  return text;
}

describe('reading ahead', () => {
  it('gives pieces in their order, whichever arrives first', async () => {
    const { read } = source(async (offset) => {
      for (let turns = 10 - offset / PIECE; turns > 0; turns--) await soon();
      return named(offset);
    });
    assert.equal(await textOf(readAhead(read, { offset: 0, size: 10 * PIECE }, new Slots(4), NEVER)), '0123456789');
  });

  it('asks for no more pieces at once than there are slots', async () => {
    const { read, calls } = source((offset) => Promise.resolve(named(offset)));
    const pieces = readAhead(read, { offset: 0, size: 100 * PIECE }, new Slots(3), NEVER);
    await pieces.next();
    for (let turns = 0; turns < 20; turns++) await soon();
    assert.equal(calls.length, 3);
    await pieces.return(undefined);
  });

  it('begins at any byte and asks for the rest exactly', async () => {
    const lengths: number[] = [];
    const read: ReadRange = (offset, length) => {
      lengths.push(length);
      return Promise.resolve(Buffer.from(`${offset},`));
    };
    assert.equal(await textOf(readAhead(read, { offset: 5, size: PIECE + 7 }, new Slots(2), NEVER)), `5,${PIECE + 5},`);
    assert.deepEqual(lengths, [PIECE, 2]);
    assert.equal(await textOf(readAhead(read, { offset: 0, size: 0 }, new Slots(2), NEVER)), '');
  });

  it('lets many readers share few slots without blocking each other', async () => {
    const slots = new Slots(2);
    const { read } = source(async (offset) => {
      await soon();
      return named(offset);
    });
    const texts = Array.from({ length: 5 }, () =>
      textOf(readAhead(read, { offset: 0, size: 6 * PIECE }, slots, NEVER)),
    );
    assert.deepEqual(await Promise.all(texts), Array(5).fill('012345'));
  });

  it('fails with the piece that failed, and gives its slots back', async () => {
    const slots = new Slots(2);
    const { read } = source((offset) =>
      offset === PIECE ? Promise.reject(new Error('lost')) : Promise.resolve(named(offset)),
    );
    await assert.rejects(textOf(readAhead(read, { offset: 0, size: 9 * PIECE }, slots, NEVER)), /lost/);
    for (let turns = 0; turns < 20; turns++) await soon();
    await slots.acquire();
    await slots.acquire();
  });

  it('cancels what is under way when nobody wants the rest', async () => {
    let cancelled = 0;
    const read: ReadRange = (offset, _length, signal) => {
      signal.addEventListener('abort', () => (cancelled += 1));
      return offset === 0 ? Promise.resolve(named(0)) : new Promise(() => undefined);
    };
    for await (const piece of readAhead(read, { offset: 0, size: 4 * PIECE }, new Slots(3), NEVER)) {
      assert.equal(piece.toString(), '0');
      break;
    }
    assert.ok(cancelled >= 2);
  });
});
