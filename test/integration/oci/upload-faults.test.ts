import assert from 'node:assert/strict';
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import type { BlobSource } from '../../../lib/oci/blob-source.ts';
import { type Uploaded, uploadBlob } from '../../../lib/oci/blob-upload.ts';
import { digestOf } from '../../../lib/oci/digest.ts';
import { layerSource } from '../../../lib/oci/layer-source.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import { planLayers } from '../../../lib/packing/layer-plan.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { memoryFile } from '../../support/memory-file.ts';
import { RegistryFaults, type RequestPlan } from '../../support/registry-faults.ts';
import { waitsOf } from '../../support/skipped-waits.ts';
import { startHtpasswdRegistry } from '../../support/test-registry.ts';

const NEVER = new AbortController().signal;
const dispatcher = createDispatcher();
const CONTENT = randomBytes(3_000_000);
const SIZE = CONTENT.length;

describe('an upload', function () {
  this.timeout('3m');
  let faults: RegistryFaults;
  let repository = '';
  before(async () => {
    const { registry } = await ensureServices(['registry']);
    faults = await RegistryFaults.start(registry.host);
  });
  beforeEach(() => {
    repository = `upload/${randomUUID()}`;
  });
  after(async () => {
    await dispatcher.destroy();
    await faults.stop();
  });

  const client = (): RegistryClient => new RegistryClient({ registry: faults.host, dispatcher });
  const blob = (): Promise<Buffer> =>
    new Repository(client(), { registry: faults.host, repository }, 'pull').document(digestOf(CONTENT), NEVER);
  /** Uploads under a plan of faults; `index` of a plan counts from the upload's first request of a method. */
  async function upload(plan: RequestPlan, rest: Partial<Parameters<typeof uploadBlob>[1]> = {}): Promise<Uploaded> {
    const first = new Map<string, number>();
    faults.plan = ({ method, index, ...rest }) => {
      if (!first.has(method)) first.set(method, index);
      return plan({ method, index: index - (first.get(method) ?? 0), ...rest });
    };
    try {
      return await uploadBlob(client(), {
        repository,
        source: source(),
        onSent: () => undefined,
        signal: NEVER,
        ...rest,
      });
    } finally {
      faults.plan = () => undefined;
    }
  }
  const arrives = async (plan: RequestPlan): Promise<void> => {
    const { digest } = await upload(plan);
    assert.equal(digest, digestOf(CONTENT));
    assert.deepEqual(await blob(), CONTENT);
  };

  it('that is cut at any byte arrives whole all the same (50 cuts)', async () => {
    for (let cut = 0; cut < 50; cut += 1) {
      repository = `upload/${randomUUID()}`;
      const cutAfter = randomInt(SIZE);
      await arrives(({ method, index }) => (method === 'PATCH' && index === 0 ? { cutAfter } : undefined));
    }
  });

  it('of a size that nobody knows beforehand arrives whole, cut at any byte or not (20 cuts)', async () => {
    for (let cut = 0; cut < 20; cut += 1) {
      repository = `upload/${randomUUID()}`;
      const cutAfter = randomInt(SIZE);
      const times = cut % 5 === 0 ? 3 : 1;
      const source = { name: 'compressed', size: undefined, open: pieces };
      const plan: RequestPlan = ({ method, index, size }) => {
        if (method === 'PATCH' && size > 1_000_000 && cut % 2 === 0) return { answer: 413 };
        return method === 'PATCH' && index < times ? { cutAfter: cutAfter % size } : undefined;
      };
      const { digest, size } = await upload(plan, { source });
      assert.deepEqual([digest, size], [digestOf(CONTENT), SIZE]);
      assert.deepEqual(await blob(), CONTENT);
    }
  });

  it('arrives whole although its connection broke while its source still looked for the first chunk', async () => {
    let asked = 0;
    let askedAgain = (): void => undefined;
    const again = new Promise<void>((resolve) => (askedAgain = resolve));
    // What is asked for first comes when the next attempt has asked, too.
    const slow: BlobSource = {
      ...source(),
      brief: true,
      open: (offset, signal) => {
        const chunks = source().open(offset, signal)[Symbol.asyncIterator]();
        const next = async (): Promise<IteratorResult<Uint8Array>> => {
          asked += 1;
          if (asked === 1) {
            faults.cutAll();
            await again;
          }
          if (asked === 2) askedAgain();
          return chunks.next();
        };
        return { [Symbol.asyncIterator]: () => ({ next }) };
      },
    };
    const { digest } = await upload(() => undefined, { source: slow });
    assert.equal(digest, digestOf(CONTENT));
    assert.deepEqual(await blob(), CONTENT);
  });

  it('of a size that nobody knows beforehand has no piece but its last below what the registry takes', async () => {
    const least = 5 * 2 ** 20;
    const [layer] = planLayers([memoryFile('weights.bin', randomBytes(12_000_000))], '/model');
    assert.ok(layer !== undefined);
    const source = layerSource({ name: 'compressed', layer, compression: 'gzip', diffId: undefined });
    const sizes: number[] = [];
    let cut = false;
    const plan: RequestPlan = ({ method, size }) => {
      if (method === 'POST') return { also: { 'oci-chunk-min-length': String(least) } };
      if (method !== 'PATCH') return undefined;
      sizes.push(size);
      if (cut) return undefined;
      cut = true;
      return { cutAfter: 3_000_000 };
    };
    const { size } = await upload(plan, { source });
    assert.ok(size > 2 * least, String(size));
    assert.ok(
      sizes.slice(0, -1).every((piece) => piece >= least),
      String(sizes),
    );
  });

  it('goes on after its session was forgotten', () =>
    arrives(({ method, index }) => (method === 'PATCH' && index === 0 ? unknownUpload(404) : undefined)));

  it('goes on after its range was refused', () =>
    arrives(({ method, index }) => (method === 'PATCH' && index === 0 ? unknownUpload(416) : undefined)));

  for (const status of [429, 500, 502, 503]) {
    it(`survives ${status} to each kind of request`, async () => {
      await waitsOf(() => arrives(({ index }) => (index === 0 ? { answer: status } : undefined)));
    });
  }

  it('survives answers that get lost, the last one too', () =>
    arrives(({ method, index }) =>
      (method === 'PATCH' || method === 'PUT') && index === 0 ? { loseAnswer: true } : undefined,
    ));

  it('is sent in smaller pieces where a piece is too large', () =>
    arrives(({ method, size }) => (method === 'PATCH' && size > 500_000 ? { answer: 413 } : undefined)));

  it('whose smallest pieces are too large is refused', async () => {
    const refused = upload(({ method }) => (method === 'PATCH' ? { answer: 413 } : undefined));
    await assert.rejects(refused, { code: 'REGISTRY_REFUSED', message: /413/ });
  });

  it('that never gets through is given up with one error, and its session is closed', async () => {
    const before = faults.seen.length;
    const hopeless = upload(({ method }) => (method === 'PATCH' ? { cutAfter: 1000 } : undefined));
    await assert.rejects(hopeless, { code: 'REGISTRY_UNREACHABLE' });
    assert.equal(faults.seen.slice(before).at(-1)?.method, 'DELETE');
  });

  it('stops at once when it is told to', async () => {
    const stop = new AbortController();
    const endless: BlobSource = {
      ...source(),
      open: async function* () {
        yield CONTENT.subarray(0, 1000);
        stop.abort(new Error('enough'));
        await new Promise(() => undefined);
      },
    };
    await assert.rejects(
      upload(() => undefined, { source: endless, signal: stop.signal }),
      /enough/,
    );
  });

  it('of a source that fails says why, and does not try again', async () => {
    let opened = 0;
    const broken: BlobSource = {
      ...source(),
      open: async function* () {
        opened += 1;
        yield await Promise.resolve(CONTENT.subarray(0, 1000));
        throw new Error('the disk is gone');
      },
    };
    await assert.rejects(
      upload(() => undefined, { source: broken }),
      /the disk is gone/,
    );
    assert.equal(opened, 1);
  });

  it('of bytes that are not those of the digest is refused', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    await assert.rejects(
      upload(() => undefined, { digest }),
      { code: 'LAYER_DIGEST_MISMATCH' },
    );
  });

  it('authenticates again when the registry asks for it in the middle, and sends credentials nowhere else', async () => {
    const secured = await startHtpasswdRegistry();
    const guarded = await RegistryFaults.start(secured.host);
    const elsewhere = await RegistryFaults.start(secured.host);
    try {
      const registry = guarded.host;
      const own = new RegistryClient({ registry, login: secured.login, dispatcher });
      guarded.plan = ({ method, index }) =>
        method === 'PATCH' && index === 0
          ? { answer: 401, headers: { 'www-authenticate': 'Basic realm="again"' } }
          : undefined;
      const { digest } = await uploadBlob(own, {
        repository,
        source: source(),
        onSent: () => undefined,
        signal: NEVER,
      });
      assert.equal(digest, digestOf(CONTENT));

      guarded.plan = ({ method, path }) =>
        method === 'GET' && path.includes('/blobs/')
          ? { answer: 307, headers: { location: `http://${elsewhere.host}/stolen` } }
          : undefined;
      elsewhere.plan = () => ({ answer: 200, body: 'not it' });
      const stolen = new Repository(own, { registry, repository }, 'pull').document(digest, NEVER);
      await assert.rejects(stolen, { code: 'MANIFEST_DIGEST_MISMATCH' });
      assert.deepEqual(elsewhere.seen, [{ method: 'GET', path: '/stolen', authorization: undefined }]);
    } finally {
      await Promise.all([guarded.stop(), elsewhere.stop(), secured.stop()]);
    }
  });

  it('whose registry wants its credentials sent to a stranger sends nothing', async () => {
    const before = faults.seen.length;
    const headers = { 'www-authenticate': 'Bearer realm="https://evil.example.com/token",service="x"' };
    faults.plan = () => ({ answer: 401, headers });
    const own = new RegistryClient({
      registry: faults.host,
      login: { kind: 'password', username: 'u', password: 'p', from: 'a test' },
      dispatcher,
    });
    const sent = uploadBlob(own, { repository, source: source(), onSent: () => undefined, signal: NEVER });
    await assert.rejects(sent, { code: 'REGISTRY_AUTH_UNTRUSTED', message: /evil\.example\.com/ });
    assert.ok(faults.seen.slice(before).every(({ authorization }) => authorization === undefined));
    faults.plan = () => undefined;
  });
});

/** The content as a compressor gives it: in chunks of any size. */
async function* pieces(offset: number): AsyncGenerator<Uint8Array> {
  for (let start = offset; start < SIZE;) {
    const end = start + 1 + randomInt(100_000);
    yield await Promise.resolve(CONTENT.subarray(start, end));
    start = end;
  }
}

function source(): BlobSource {
  return {
    name: 'the test layer',
    size: SIZE,
    open: async function* (offset) {
      for (let at = offset; at < SIZE; at += 65_536) yield await Promise.resolve(CONTENT.subarray(at, at + 65_536));
    },
  };
}

function unknownUpload(answer: number): { answer: number; body: string } {
  return { answer, body: JSON.stringify({ errors: [{ code: 'BLOB_UPLOAD_UNKNOWN' }] }) };
}
