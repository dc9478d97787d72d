// Folders with models in them, for tests to publish and to fetch into.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Reporter } from '../../lib/model/progress.ts';

export type Content = Readonly<Record<string, string | Buffer>>;

/** A folder of a test's own; `remove` takes it away with all that is in it. */
export class TestFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'model-test-'));

  at(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  /** Writes files below a folder and returns its path. */
  write(name: string, content: Content): string {
    for (const [path, bytes] of Object.entries(content)) {
      const file = this.at(name, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
    return this.at(name);
  }

  /** Empties a folder below it, which may be a mounted disk. */
  removeContent(name: string): void {
    for (const entry of readdirSync(this.at(name))) rmSync(this.at(name, entry), { recursive: true, force: true });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** All files below a folder with their content; empty where there is no such folder. */
export function contentOf(folder: string): Record<string, string> {
  const entries = (() => {
    try {
      return readdirSync(folder, { recursive: true, withFileTypes: true });
    } catch {
      return [];
    }
  })();
  return Object.fromEntries(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [file.slice(folder.length + 1), readFileSync(file, 'latin1')]),
  );
}

/** Bytes that look random but are always the same for a seed. */
export function noise(size: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let state = seed * 2654435761;
  for (let at = 0; at + 4 <= size; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes.writeUInt32LE(state, at);
  }
  return bytes.fill(seed, size - (size % 4));
}

export const silent: Reporter = { progress: () => undefined, note: () => undefined };
