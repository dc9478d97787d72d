// One set-up at a time, whoever asks: `npm test` in one terminal, `npm run demo` in the other.
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Progress } from './stages.ts';
import { HOME } from './state-folder.ts';

/**
 * Runs `work` while no other process of this machine does the same for the same state folder. The lock is a socket
 * that its holder listens on: the kernel takes it back when the holder dies, however that happens, so there is no
 * stale lock to find out about.
 */
export async function underSetupLock<T>(progress: Progress, work: () => Promise<T>): Promise<T> {
  const lock = (await claim()) ?? (await progress.stage('Waiting for another set-up to end', claimInTurn));
  try {
    return await work();
  } finally {
    lock.close();
  }
}

async function claimInTurn(): Promise<Server> {
  for (;;) {
    await sleep(100);
    const lock = await claim();
    if (lock !== undefined) return lock;
  }
}

const NAME = `model-delivery-setup-${createHash('sha256').update(HOME).digest('hex').slice(0, 16)}`;
/** Linux (abstract sockets) and Windows (pipes) have names that end with their process; elsewhere it is a file. */
const FILE = join(tmpdir(), NAME);
const ADDRESSES: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  linux: `\0${NAME}`,
  win32: `\\\\.\\pipe\\${NAME}`,
};
const ADDRESS = ADDRESSES[process.platform] ?? FILE;

async function claim(): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  const claimed = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(ADDRESS, () => resolve(true));
  });
  if (claimed) return server;
  if (ADDRESS === FILE && !(await isHeld())) await rm(FILE, { force: true });
  return undefined;
}

async function isHeld(): Promise<boolean> {
  const socket = connect(ADDRESS);
  const held = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  socket.destroy();
  return held;
}
