// How registries of clouds differ from the specification when a blob is pushed in pieces, as far as reports and sources
// tell: plans by which a proxy before a real registry is like them, to one upload at a time.
import type { RequestPlan } from './registry-faults.ts';

/** A registry with nothing under way. */
export type OddRegistry = () => RequestPlan;

const MIB = 1024 * 1024;

/**
 * Its range stays at the end of the first piece, and it gives no status (aws/containers-roadmap#2831). That a piece was too
 * small it says at the end (dotnet/sdk-container-builds#424).
 */
export const ecr: OddRegistry = () => {
  let ends: readonly number[] = [];
  return ({ method, path, range }) => {
    if (method === 'GET' && isUpload(path)) return { answer: 404 };
    if (method === 'POST') ends = [];
    if (method === 'PUT' && ends.slice(0, -1).some((end, index) => end - (ends[index - 1] ?? 0) < 5 * MIB)) {
      return { answer: 400 };
    }
    if (method !== 'PATCH' || range === undefined) return undefined;
    const [start, end] = positions(range);
    if (start !== (ends.at(-1) ?? 0)) return { answer: 416 };
    ends = [...ends, end];
    return { also: { range: `0-${(ends[0] ?? 0) - 1}` } };
  };
};

/** Takes no pieces (dotnet/sdk-container-builds#287, kitops-ml/kitops#777). With what status it refuses them, nobody wrote down. */
export const google: OddRegistry = () => {
  const begun = new Set<string>();
  return ({ method, path, range }) => {
    if (method !== 'PATCH') return undefined;
    const upload = path.replace(/\?.*/, '');
    if (range !== undefined || begun.has(upload)) return { answer: 400 };
    begun.add(upload);
    return undefined;
  };
};

/** No piece may have more than 4 MiB (oras-project/rust-oci-client#35). */
export const github: OddRegistry =
  () =>
  ({ method, size, range }) =>
    method === 'PATCH' && range !== undefined && size > 4 * MIB ? { answer: 416 } : undefined;

/** Its status is one byte ahead of where it goes on (quay/quay, endpoints/v2/blob.py). */
export const quay: OddRegistry = () => {
  let stored = 0;
  return ({ method, path, range }) => {
    if (method === 'GET' && isUpload(path)) return { answer: 204, headers: { range: `bytes=0-${stored}` } };
    if (method === 'POST') stored = 0;
    if (method !== 'PATCH' || range === undefined) return undefined;
    const [start, end] = positions(range);
    if (start > stored) return { answer: 416 };
    stored = end;
    return undefined;
  };
};

function isUpload(path: string): boolean {
  return path.includes('/blobs/uploads/');
}

/** Where a piece begins, and the position after its last byte. */
function positions(range: string): readonly [start: number, end: number] {
  const [first = 0, last = 0] = range.split('-').map(Number);
  return [first, last + 1];
}
