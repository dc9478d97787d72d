import assert from 'node:assert/strict';
import { setImmediate as soon } from 'node:timers/promises';
import { PIECE, ReusedMemory } from '../../../lib/model/piece-memory.ts';
import { readAhead, type ReadRange } from '../../../lib/model/read-ahead.ts';

const NEVER = new AbortController().signal;

/** Something of which each piece begins with its own number; `calls` are the requests made for it so far. */
function source(arrival: (offset: number) => Promise<void>): { readonly read: ReadRange; readonly calls: number[] } {
  const calls: number[] = [];
  return {
    calls,
    read: async (offset, into) => {
      calls.push(offset);
      await arrival(offset);
      into.write(String(offset / PIECE));
    },
  };
}

/** The first character of each piece. */
async function textOf(pieces: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece.toString('latin1', 0, 1);
  return text;
}

describe('reading ahead', () => {
  it('gives pieces in their order, whichever arrives first', async () => {
    const { read } = source(async (offset) => {
      for (let turns = 10 - offset / PIECE; turns > 0; turns--) await soon();
    });
    assert.equal(
      await textOf(readAhead(read, { offset: 0, size: 10 * PIECE }, new ReusedMemory(4), NEVER)),
      '0123456789',
    );
  });

  it('asks for no more pieces at once than there is memory for', async () => {
    const { read, calls } = source(() => Promise.resolve());
    const pieces = readAhead(read, { offset: 0, size: 100 * PIECE }, new ReusedMemory(3), NEVER);
    await pieces.next();
    for (let turns = 0; turns < 20; turns++) await soon();
    assert.equal(calls.length, 3);
    await pieces.return(undefined);
  });

  it('begins at any byte and asks for the rest exactly', async () => {
    const asked: [number, number][] = [];
    const read: ReadRange = (offset, into) => {
      asked.push([offset, into.length]);
      return Promise.resolve();
    };
    const lengths: number[] = [];
    for await (const piece of readAhead(read, { offset: 5, size: PIECE + 7 }, new ReusedMemory(2), NEVER)) {
      lengths.push(piece.length);
    }
    assert.deepEqual(asked, [
      [5, PIECE],
      [PIECE + 5, 2],
    ]);
    assert.deepEqual(lengths, [PIECE, 2]);
    assert.equal(await textOf(readAhead(read, { offset: 0, size: 0 }, new ReusedMemory(2), NEVER)), '');
  });

  it('lets many readers share little memory without blocking each other', async () => {
    const memory = new ReusedMemory(2);
    const { read } = source(() => soon());
    const texts = Array.from({ length: 5 }, () =>
      textOf(readAhead(read, { offset: 0, size: 6 * PIECE }, memory, NEVER)),
    );
    assert.deepEqual(await Promise.all(texts), Array(5).fill('012345'));
  });

  it('fails with the piece that failed, and gives its memory back', async () => {
    const memory = new ReusedMemory(2);
    const { read } = source((offset) => (offset === PIECE ? Promise.reject(new Error('lost')) : Promise.resolve()));
    await assert.rejects(textOf(readAhead(read, { offset: 0, size: 9 * PIECE }, memory, NEVER)), /lost/);
    for (let turns = 0; turns < 20; turns++) await soon();
    await memory.acquire(PIECE);
    await memory.acquire(PIECE);
  });

  it('cancels what is under way when nobody wants the rest', async () => {
    let cancelled = 0;
    const read: ReadRange = (offset, _into, signal) => {
      signal.addEventListener('abort', () => (cancelled += 1));
      return offset === 0 ? Promise.resolve() : new Promise(() => undefined);
    };
    for await (const piece of readAhead(read, { offset: 0, size: 4 * PIECE }, new ReusedMemory(3), NEVER)) {
      assert.equal(piece.length, PIECE);
      break;
    }
    assert.ok(cancelled >= 2);
  });

  it('gives memory to another reader only when no request writes to it any more', async () => {
    const memory = new ReusedMemory(2);
    const ends: (() => void)[] = [];
    const read: ReadRange = async (offset) => {
      if (offset > 0) return new Promise((resolve) => ends.push(resolve));
      while (ends.length === 0) await soon();
      throw new Error('lost');
    };
    await assert.rejects(textOf(readAhead(read, { offset: 0, size: 2 * PIECE }, memory, NEVER)), /lost/);
    for (let turns = 0; turns < 20; turns++) await soon();
    await memory.acquire(PIECE);
    let second = false;
    const waiting = memory.acquire(PIECE).then(() => (second = true));
    for (let turns = 0; turns < 20; turns++) await soon();
    assert.equal(second, false);
    ends.forEach((end) => end());
    await waiting;
  });

  it('ends when it is aborted between two pieces', async () => {
    const stop = new AbortController();
    const { read } = source(() => Promise.resolve());
    const reading = async (): Promise<void> => {
      for await (const piece of readAhead(read, { offset: 0, size: 9 * PIECE }, new ReusedMemory(1), stop.signal)) {
        assert.ok(piece.length > 0);
        stop.abort(new Error('enough'));
      }
    };
    await assert.rejects(reading(), /enough/);
  });

  it('ends when it is aborted while other readers hold all memory', async () => {
    const memory = new ReusedMemory(1);
    await memory.acquire(PIECE);
    const stop = new AbortController();
    const { read, calls } = source(() => Promise.resolve());
    const reading = textOf(readAhead(read, { offset: 0, size: 2 * PIECE }, memory, stop.signal));
    await soon();
    stop.abort(new Error('enough'));
    await assert.rejects(reading, /enough/);
    assert.deepEqual(calls, []);
  });

  it('leaves its memory to the next reader when it is given up while it waits for more', async () => {
    const memory = new ReusedMemory(3);
    const { read, calls } = source(() => Promise.resolve());
    const first = readAhead(read, { offset: 0, size: 9 * PIECE }, memory, NEVER);
    await first.next();
    while (calls.length < 3) await soon();
    await first.return(undefined);
    assert.equal(await textOf(readAhead(read, { offset: 0, size: 9 * PIECE }, memory, NEVER)), '012345678');
    assert.equal(calls.length, 3 + 9);
  });

  it('lets readers that share little memory all end when one of them fails and the others are aborted', async () => {
    const memory = new ReusedMemory(2);
    const stop = new AbortController();
    const lost = source(async () => {
      while (lost.calls.length < 2) await soon();
      throw new Error('lost');
    });
    const well = source(() => soon());
    const readings = [lost, well, well].map(({ read }) =>
      textOf(readAhead(read, { offset: 0, size: 9 * PIECE }, memory, stop.signal)),
    );
    await assert.rejects(Promise.all(readings), /lost/);
    stop.abort(new Error('enough'));
    const ends = await Promise.allSettled(readings);
    assert.deepEqual(
      ends.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected'],
    );
  });
});
