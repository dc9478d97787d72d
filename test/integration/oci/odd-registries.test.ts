import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import type { BlobSource } from '../../../lib/oci/blob-source.ts';
import { uploadBlob } from '../../../lib/oci/blob-upload.ts';
import { digestOf } from '../../../lib/oci/digest.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { leadingTo } from '../../support/named-host.ts';
import { ecr, github, google, type OddRegistry, quay } from '../../support/odd-registries.ts';
import { RegistryFaults, type RequestFault, type RequestPlan } from '../../support/registry-faults.ts';

/** A request that carried bytes: how many it announced, and its range. */
interface Patch {
  readonly size: number;
  readonly range: string | undefined;
}

const NEVER = new AbortController().signal;
const MIB = 1024 * 1024;
/** More than one piece where a registry begins with small ones. */
const CONTENT = randomBytes(17 * MIB);
const WHOLE: Patch = { size: CONTENT.length, range: undefined };
const dispatcher = createDispatcher();

describe('a blob that is pushed to a registry with ways of its own', function () {
  this.timeout('2m');
  let faults: RegistryFaults;
  before(async () => {
    const { registry } = await ensureServices(['registry']);
    faults = await RegistryFaults.start(registry.host);
  });
  after(async () => {
    await dispatcher.destroy();
    await faults.stop();
  });

  /** Pushes to a registry of that name, sees that all is there, and says how it was sent. */
  async function push(registry: string, plan: RequestPlan, size?: number): Promise<readonly Patch[]> {
    const patches: Patch[] = [];
    faults.plan = (request) => {
      if (request.method === 'PATCH') patches.push({ size: request.size, range: request.range });
      return plan(request);
    };
    const repository = `odd/${randomUUID()}`;
    const client = new RegistryClient({ registry, dispatcher: leadingTo(faults.host, dispatcher) });
    const source: BlobSource = { name: 'the test layer', size, open: chunks };
    const { digest } = await uploadBlob(client, { repository, source, onSent: () => undefined, signal: NEVER });
    assert.equal(digest, digestOf(CONTENT));
    // The registry has checked the digest of what it keeps under it.
    assert.ok(await new Repository(client, { registry, repository }, 'pull').hasBlob(digest, NEVER));
    return patches;
  }

  const registries: readonly (readonly [string, string, OddRegistry])[] = [
    ['Amazon ECR', '123456789012.dkr.ecr.eu-west-1.amazonaws.com', ecr],
    ['Google Artifact Registry', 'europe-docker.pkg.dev', google],
    ['GitHub', 'ghcr.io', github],
    ['Quay', 'quay.io', quay],
  ];
  for (const [name, host, odd] of registries) {
    it(`goes to ${name} in one request without a range`, async () => {
      assert.deepEqual(await push(host, odd(), CONTENT.length), [WHOLE]);
    });

    it(`goes to ${name} in one request without a range, too, where nobody knows its size`, async () => {
      assert.deepEqual(await push(host, odd()), [{ size: 0, range: undefined }]);
    });

    it(`goes to ${name} from its beginning again where the connection broke`, async () => {
      assert.deepEqual(await push(host, either(odd(), firstly({ cutAfter: 5 * MIB })), CONTENT.length), [WHOLE, WHOLE]);
    });
  }

  it('goes in one request again where the registry was not well, had forgotten it, or asked once more who sends it', async () => {
    for (const answer of [401, 404, 503]) {
      assert.deepEqual(await push('ghcr.io', firstly({ answer }), CONTENT.length), [WHOLE, WHOLE]);
    }
  });

  it('is refused where it is too large for one request', async () => {
    let requests = 0;
    const refusing: RequestPlan = ({ method }) => {
      if (method !== 'PATCH') return undefined;
      requests += 1;
      return { answer: 413 };
    };
    await assert.rejects(push('ghcr.io', refusing, CONTENT.length), { code: 'REGISTRY_REFUSED', message: /413/ });
    assert.equal(requests, 1);
  });

  const elsewhere: readonly (readonly [string, RequestPlan])[] = [
    ['stays at the end of the first piece', either(largest(6 * MIB), ecr())],
    ['says that it has nothing of what it took', nothingThere],
    ['refuses a piece by its range', github()],
    ['leads after a break to a byte that it refuses', either(either(largest(6 * MIB), failOnce()), quay())],
  ];
  for (const [what, plan] of elsewhere) {
    it(`goes in one request in the end where a registry of any name ${what}`, async () => {
      const patches = await push('registry.example.com', plan, CONTENT.length);
      const ranges = patches.map(({ range }) => range !== undefined);
      assert.deepEqual([ranges[0], ranges.indexOf(false), patches.at(-1)], [true, patches.length - 1, WHOLE]);
    });
  }
});

/** The content in chunks, as any source gives it. */
async function* chunks(offset: number): AsyncGenerator<Uint8Array> {
  for (let at = offset; at < CONTENT.length; at += 65_536) {
    yield await Promise.resolve(CONTENT.subarray(at, at + 65_536));
  }
}

/** What the first plan does, or else the second. */
function either(first: RequestPlan, second: RequestPlan): RequestPlan {
  return (request) => first(request) ?? second(request);
}

/** Does something to the first request that carries bytes. */
function firstly(fault: RequestFault): RequestPlan {
  let done = false;
  return ({ method }) => {
    if (done || method !== 'PATCH') return undefined;
    done = true;
    return fault;
  };
}

function nothingThere({ range }: Parameters<RequestPlan>[0]): RequestFault | undefined {
  return range === undefined ? undefined : { also: { range: '0-0' } };
}

/** Is not well when a second piece comes. */
function failOnce(): RequestPlan {
  let failed = false;
  return ({ range = '' }) => {
    if (failed || !/^[1-9]/.test(range)) return undefined;
    failed = true;
    return { answer: 503 };
  };
}

/** Takes no larger pieces. */
function largest(most: number): RequestPlan {
  return ({ size, range }) => (range !== undefined && size > most ? { answer: 413 } : undefined);
}
