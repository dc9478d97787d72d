// Waits between attempts that take no time and are noted, for tests of how long a peer is left alone.
import { syncBuiltinESMExports } from 'node:module';
import { mock } from 'node:test';
import timers from 'node:timers/promises';

/** Does some work without its waits. Returns how long they would have been, in milliseconds, in their order. */
export async function waitsOf(work: () => Promise<unknown>): Promise<readonly number[]> {
  const waits: number[] = [];
  const skipped = mock.method(timers, 'setTimeout', (milliseconds = 0) => {
    waits.push(milliseconds);
    return Promise.resolve();
  });
  syncBuiltinESMExports();
  try {
    await work();
  } finally {
    skipped.mock.restore();
    syncBuiltinESMExports();
  }
  return waits;
}
