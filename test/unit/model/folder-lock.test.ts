import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { FolderLock, type Holder } from '../../../lib/model/folder-lock.ts';
import { TestFolder } from '../../support/model-folder.ts';

const NEVER = new AbortController().signal;

describe('the lock of a folder', () => {
  let folder: TestFolder;
  let file: string;
  beforeEach(() => {
    folder = new TestFolder();
    file = folder.at('lock');
  });
  afterEach(() => folder.remove());

  const acquire = (
    limit = 10_000,
    waiting: (holder: Holder | undefined) => void = () => undefined,
  ): Promise<FolderLock | undefined> => FolderLock.acquire(file, { limit, waiting, signal: NEVER });
  const write = (holder: Partial<Holder>): void => writeFileSync(file, JSON.stringify({ token: 'theirs', ...holder }));

  it('is held by one at a time', async () => {
    let [inside, most] = [0, 0];
    const work = async (): Promise<void> => {
      const lock = await acquire();
      most = Math.max(most, ++inside);
      await sleep(5);
      inside -= 1;
      await lock?.release();
    };
    await Promise.all(Array.from({ length: 5 }, work));
    assert.equal(most, 1);
    assert.deepEqual(readdirSync(folder.path), []);
  });

  it('tells once who has it, and gives up in the end', async () => {
    const lock = await acquire();
    const told: (number | undefined)[] = [];
    const second = await acquire(500, (holder) => void told.push(holder?.pid));
    assert.deepEqual([second, told], [undefined, [process.pid]]);
    await lock?.release();
  });

  it('of a process that is gone is taken over at once, by one of many', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    write({ host: hostname(), pid });
    let [inside, most] = [0, 0];
    const started = Date.now();
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const lock = await acquire();
        most = Math.max(most, ++inside);
        await sleep(5);
        inside -= 1;
        await lock?.release();
      }),
    );
    assert.equal(most, 1);
    assert.ok(Date.now() - started < 5_000);
    assert.deepEqual(readdirSync(folder.path), []);
  });

  it('of a process that is gone is taken over although another one was killed while taking it over', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    write({ host: hostname(), pid });
    const digest = createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16);
    copyFileSync(file, `${file}.${digest}`);
    const lock = await acquire();
    assert.ok(lock);
    await lock.release();
    assert.deepEqual(readdirSync(folder.path), []);
  });

  it('of another machine is taken over only when it has shown no life for a minute', async () => {
    write({ host: 'elsewhere', pid: process.pid });
    assert.equal(await acquire(500), undefined);
    const past = new Date(Date.now() - 61_000);
    utimesSync(file, past, past);
    const lock = await acquire(500);
    assert.ok(lock);
    await lock.release();
    assert.ok(!existsSync(file));
  });

  it('of a process that runs here is not taken over, however long it has shown no life', async function () {
    if (process.platform !== 'linux') return this.skip(); // others do not say when a process began
    const lock = await acquire();
    const past = new Date(Date.now() - 3_600_000);
    utimesSync(file, past, past);
    assert.equal(await acquire(500), undefined);
    await lock?.release();
  });

  it('of a process of which nobody knows when it began is taken over when it has shown no life for a minute', async () => {
    write({ host: hostname(), pid: process.pid });
    assert.equal(await acquire(500), undefined);
    const past = new Date(Date.now() - 61_000);
    utimesSync(file, past, past);
    const lock = await acquire(500);
    assert.ok(lock);
    await lock.release();
  });

  it('of a process that is gone is taken over although a later one has its number', async function () {
    if (process.platform !== 'linux') return this.skip(); // others do not say when a process began
    write({ host: hostname(), pid: process.pid, began: '1' });
    const lock = await acquire(500);
    assert.ok(lock);
    await lock.release();
  });

  it('is not removed by who has lost it', async () => {
    const lock = await acquire();
    assert.equal(await lock?.isHeld(), true);
    write({ host: 'elsewhere', pid: 1 });
    assert.equal(await lock?.isHeld(), false);
    await lock?.release();
    assert.match(readFileSync(file, 'utf8'), /elsewhere/);
  });

  it('ends the wait when the task is cancelled', async () => {
    const lock = await acquire();
    const stop = new AbortController();
    const waiting = FolderLock.acquire(file, { limit: 60_000, waiting: () => stop.abort(), signal: stop.signal });
    await assert.rejects(waiting, { name: 'AbortError' });
    await lock?.release();
  });
});
