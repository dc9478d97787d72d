import assert from 'node:assert/strict';
import { fetchModel } from '../../../../lib/model/fetch.ts';
import { publishModel } from '../../../../lib/model/publish.ts';
import type { ObjectStore } from '../../../../lib/model/stores/object-store.ts';
import type { AssumedRole, S3Access, S3Credential, S3Keys } from '../../../../lib/model/stores/s3-access.ts';
import { type Conditions, type S3Emulator, startS3Emulator } from '../../../../tools/services/s3/emulator.ts';
import { FaultProxy } from '../../../support/fault-proxy.ts';
import { contentOf, noise, silent, TestFolder } from '../../../support/model-folder.ts';
import { objectPart } from '../../../support/object-stores.ts';
import { RequestProxy, type SeenRequest } from '../../../support/request-proxy.ts';
import {
  credentialOf,
  deleteObject,
  freshBucket,
  objectsIn,
  openBucket,
  putObject,
  type S3Bucket,
  sharedS3,
} from '../../../support/s3-bucket.ts';

const NEVER = new AbortController().signal;
const MiB = 1024 * 1024;
const ROLE = 'arn:aws:iam::123456789012:role/models';

describe('a store on S3 that cannot be used', function () {
  this.timeout(60_000);
  let bucket: S3Bucket;
  before(async () => {
    bucket = await freshBucket();
    await putObject(bucket, 'a/b.txt', 'hello');
  });

  const opened = (changed: Partial<S3Access>): Promise<ObjectStore> =>
    openBucket({ ...bucket, access: { ...bucket.access, ...changed } });
  const refused = async (code: string, message: RegExp, changed: Partial<S3Access>): Promise<void> => {
    const started = Date.now();
    const store = await opened(changed);
    await assert.rejects(store.read('a/b.txt', NEVER), { code, message });
    assert.ok(Date.now() - started < 20_000, `${code} took ${Date.now() - started} ms`);
  };
  const keys = (): S3Keys => bucket.access.credential as S3Keys;

  it('because its host does not exist, nothing listens, or nobody answers, is unreachable', async () => {
    await refused('STORE_UNREACHABLE', /name no-such-store\.invalid does not exist/, {
      endpoint: 'https://no-such-store.invalid',
    });
    await refused('STORE_UNREACHABLE', /127\.0\.0\.1:9 refused/, { endpoint: 'http://127.0.0.1:9' });
  });

  it('because the bucket is not there is told as such', async () => {
    await refused('CONTAINER_NOT_FOUND', /no bucket not-there/, { bucket: 'not-there' });
  });

  it('because the keys are wrong is told as such, without the secret', async () => {
    await refused('STORE_UNAUTHORIZED', /AKIAWRONG \(InvalidAccessKeyId\)/, {
      credential: { ...keys(), accessKeyId: 'AKIAWRONG' },
    });
    await refused('STORE_UNAUTHORIZED', /SignatureDoesNotMatch/, {
      credential: { ...keys(), secretAccessKey: 'wrong' },
    });
    await refused('STORE_UNAUTHORIZED', /InvalidToken/, { credential: { ...keys(), sessionToken: 'wrong' } });
  });

  it('because the session has expired is told apart, at once', async () => {
    const { callers } = bucket.emulator;
    const over = callers.addSession(-1);
    await refused('STORE_UNAUTHORIZED', /session of the access key ASIA\w+ has expired/, {
      credential: credentialOf(over),
    });
  });

  it('because a right is missing is told apart', async () => {
    const reader = { accessKeyId: 'AKIAREADER', secretAccessKey: 'reader', readOnly: true };
    bucket.emulator.callers.add(reader);
    const store = await opened({ credential: credentialOf(reader) });
    assert.equal((await store.read('a/b.txt', NEVER))?.text, 'hello');
    await assert.rejects(store.write('a/c.txt', Buffer.from('x'), 'absent', NEVER), {
      code: 'STORE_FORBIDDEN',
      remedy: /s3:PutObject/,
    });
  });

  it('because the bucket is in another region says in which', async () => {
    await refused('STORE_ADDRESS_INVALID', /not in the region us-west-2 but in eu-central-1/, { region: 'us-west-2' });
  });

  it('because it is not public is told as such; one that is needs no keys', async () => {
    const anonymous = { kind: 'anonymous' } as const;
    await refused('STORE_UNAUTHORIZED', /not open to everyone/, { credential: anonymous });
    const name = `${bucket.name}-open`;
    bucket.emulator.createBucket(name, { public: true });
    await putObject({ ...bucket, name }, 'a/b.txt', 'open');
    const store = await opened({ bucket: name, credential: anonymous });
    assert.equal((await store.read('a/b.txt', NEVER))?.text, 'open');
    for await (const object of store.list('', NEVER)) assert.equal(object.name, 'a/b.txt');
  });

  it('has no index of tags, and says so', async () => {
    const store = await opened({});
    await assert.rejects(store.listTagged('"stage" = \'x\'', NEVER)[Symbol.asyncIterator]().next(), {
      code: 'TAGS_UNSUPPORTED',
    });
  });
});

describe('a role that reads from S3', function () {
  this.timeout(60_000);
  let bucket: S3Bucket;
  let hidden: string[];
  before(async () => {
    bucket = await freshBucket();
    await putObject(bucket, 'a.bin', noise(8 * MiB));
    const { tokenService, endpoint } = bucket.emulator;
    tokenService.addRole({ arn: ROLE, externalId: 'agreed' });
    tokenService.addRole({ arn: `${ROLE}-brief`, sessionSeconds: 1 });
    tokenService.addRole({ arn: `${ROLE}-oidc`, byToken: true, sessionSeconds: 1 });
    // The SDK's own setting for a token service that is not AWS's.
    process.env.AWS_ENDPOINT_URL_STS = endpoint;
  });
  after(() => delete process.env.AWS_ENDPOINT_URL_STS);
  beforeEach(() => (hidden = []));

  const role = (changed: Partial<AssumedRole> = {}): S3Credential => ({
    kind: 'role',
    arn: ROLE,
    sessionName: 'model-delivery',
    externalId: 'agreed',
    by: bucket.access.credential as S3Keys,
    hide: (secret) => hidden.push(secret),
    ...changed,
  });
  const read = async (credential: S3Credential, reads = 1, pause = 0): Promise<void> => {
    const store = await openBucket(bucket, { credential });
    const into = Buffer.alloc(1000);
    for (let each = 0; each < reads; each++) {
      await store.readRange({ name: 'a.bin', offset: each, size: 8 * MiB, etag: undefined }, into, NEVER);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };

  it('is assumed once for many requests, and its secrets are hidden', async () => {
    const before = bucket.emulator.tokenService.sessions;
    await read(role(), 5);
    assert.equal(bucket.emulator.tokenService.sessions, before + 1);
    assert.equal(hidden.length, 2);
  });

  it('is assumed again before its session ends, however long the work takes', async () => {
    const before = bucket.emulator.tokenService.sessions;
    const started = Date.now();
    await read(role({ arn: `${ROLE}-brief`, externalId: undefined }), 20, 100);
    const sessions = bucket.emulator.tokenService.sessions - before;
    // A session of one second is renewed after two thirds of it, and not with each request.
    assert.ok(sessions >= 3 && sessions <= 2 + (Date.now() - started) / 500, `${sessions} sessions`);
  });

  it('is assumed by tokens of an identity provider, a fresh one each time', async () => {
    const { tokenService } = bucket.emulator;
    const token = (): Promise<string> => Promise.resolve(tokenService.issueToken());
    const by = { kind: 'webIdentity', token } as const;
    await read(role({ arn: `${ROLE}-oidc`, externalId: undefined, by }), 15, 100);
    const spent = tokenService.issueToken();
    await read(
      role({ arn: `${ROLE}-oidc`, externalId: undefined, by: { ...by, token: () => Promise.resolve(spent) } }),
    );
    const again = role({
      arn: `${ROLE}-oidc`,
      externalId: undefined,
      by: { ...by, token: () => Promise.resolve(spent) },
    });
    await assert.rejects(read(again), { code: 'ROLE_NOT_ASSUMED', message: /token/ });
  });

  it('goes on with a new session where the store ends the old one early', async () => {
    const store = await openBucket(bucket, { credential: role() });
    const range = { name: 'a.bin', offset: 0, size: 8 * MiB, etag: undefined };
    await store.readRange(range, Buffer.alloc(1000), NEVER);
    bucket.emulator.callers.endSessions();
    await store.readRange(range, Buffer.alloc(1000), NEVER);
  });

  it('that does not trust who assumes it is told as such, by name', async () => {
    const expected = { code: 'ROLE_NOT_ASSUMED', message: /role\/models.* could not be assumed: .*AssumeRole/ };
    await assert.rejects(read(role({ externalId: 'other' })), expected);
    await assert.rejects(read(role({ arn: `${ROLE}-none` })), expected);
    const wrong: S3Keys = { ...(bucket.access.credential as S3Keys), secretAccessKey: 'wrong' };
    await assert.rejects(read(role({ by: wrong })), { code: 'ROLE_NOT_ASSUMED', message: /signature/ });
  });

  it('whose token service cannot be reached is told apart', async () => {
    process.env.AWS_ENDPOINT_URL_STS = 'http://127.0.0.1:9';
    await assert.rejects(read(role()), { code: 'ROLE_NOT_ASSUMED', message: /ECONNREFUSED/, remedy: /may connect/ });
    process.env.AWS_ENDPOINT_URL_STS = bucket.emulator.endpoint;
  });
});

describe('publishing to S3', function () {
  this.timeout(60_000);
  let folder: TestFolder;
  beforeEach(() => (folder = new TestFolder()));
  afterEach(() => folder.remove());

  const publish = (store: ObjectStore, path: string, signal = NEVER, reporter = silent): Promise<unknown> => {
    const what = {
      path,
      prefix: 'models',
      model: 'digits',
      version: '1',
      channel: 'latest',
      properties: {},
      source: {},
    };
    return publishModel(store, what, reporter, signal);
  };

  for (const [conditions, what] of Object.entries({
    refused: 'refused',
    ignored: 'ignored',
    halfKept: 'kept by half',
    neverMet: 'taken for never met',
  })) {
    it(`that has its conditional writes ${what} is refused before anything is sent; fetching works`, async () => {
      const emulator: S3Emulator = await startS3Emulator({ conditions: conditions as Conditions });
      const bucket = await freshBucket(emulator);
      const store = await openBucket(bucket);
      await assert.rejects(publish(store, folder.write('m', { 'a.bin': noise(20 * MiB), b: 'x' })), {
        code: 'CONDITIONS_UNSUPPORTED',
        message: /two runs could overwrite/,
      });
      assert.deepEqual(await objectsIn(bucket), []);
      assert.equal(emulator.openUploads(), 0);
      await putObject(bucket, 'c', 'y');
      assert.equal((await store.read('c', NEVER))?.text, 'y');
      await emulator.stop();
    });
  }

  it('while another publisher wins the version, and clears it, is told so, not that the store has no conditions', async () => {
    const bucket = await freshBucket();
    const faster = await openBucket(bucket);
    let writes = 0;
    // The first write is the object that the proof of the slower one rests on; before the second it is cleared away.
    const before = async ({ method }: SeenRequest): Promise<undefined> => {
      if (method !== 'PUT' || ++writes !== 2) return;
      assert.equal((await objectsIn(bucket)).length, 1);
      await publish(faster, folder.write('faster', { 'a.bin': 'x' }));
    };
    const proxy = await RequestProxy.start(bucket.emulator.endpoint, { before });
    const slower = await openBucket(bucket, { origin: proxy.origin });
    await assert.rejects(publish(slower, folder.write('slower', { 'a.bin': 'y' })), { code: 'VERSION_EXISTS' });
    await proxy.stop();
    const files = (await objectsIn(bucket)).filter((name) => name.includes('/files/'));
    assert.equal(files.length, 1, files.join());
  });

  for (const [conditions, what] of Object.entries({ writesOnly: 'ignores', refused: 'refuses' })) {
    it(`that ${what} the condition of a removal has the object removed, whatever it is`, async () => {
      const emulator = await startS3Emulator({ conditions: conditions as Conditions });
      const bucket = await freshBucket(emulator);
      await putObject(bucket, 'a', 'x');
      assert.equal(await (await openBucket(bucket)).removeState('a', '"0"', NEVER), true);
      assert.deepEqual(await objectsIn(bucket), []);
      await emulator.stop();
    });
  }

  it('that is cut off at any request leaves a whole version or none, and no channel that names what is not there', async () => {
    // What is left in parts is counted by other tests.
    const emulator = await startS3Emulator();
    const path = folder.write('m', { 'a.bin': noise(9 * MiB), b: 'x' });
    for (let last = 0, done = false; !done; last++) {
      const bucket = await freshBucket(emulator);
      // From one request on nothing gets through any more, the cleaning up neither: as if the publisher had been killed.
      const before = ({ index }: SeenRequest): number | undefined => (index >= last ? 403 : undefined);
      const proxy = await RequestProxy.start(bucket.emulator.endpoint, { before });
      const outcome = await publish(await openBucket(bucket, { origin: proxy.origin }), path).catch(() => undefined);
      done = outcome !== undefined;
      await proxy.stop();
      const names = await objectsIn(bucket);
      const sealed = names.includes('models/digits/versions/1/model.json');
      const named = names.includes('models/digits/channels/latest.json');
      assert.ok(sealed || !named, `cut at request ${last}: ${names.join()}`);
      if (sealed) {
        const folderOf = folder.at(`out-${last}`);
        const by = { version: '1' };
        const selection = { layout: 'managed', prefix: 'models', model: 'digits', by } as const;
        await fetchModel(await openBucket(bucket), selection, folderOf, silent, NEVER);
        assert.deepEqual(contentOf(folderOf).b, 'x');
      } else {
        // The next run is not hindered by what was left.
        await publish(await openBucket(bucket), path);
      }
    }
    await emulator.stop();
  });

  it('that is cancelled leaves no parts behind that would have to be paid for', async () => {
    const bucket = await freshBucket();
    const stop = new AbortController();
    const reporter = { ...silent, progress: () => stop.abort(new Error('stopped')) };
    const path = folder.write('m', { 'a.bin': noise(40 * MiB), 'b.bin': noise(20 * MiB, 2) });
    await assert.rejects(publish(await openBucket(bucket), path, stop.signal, reporter), /stopped/);
    assert.deepEqual(await objectsIn(bucket), []);
    assert.equal((await sharedS3()).openUploads(), 0);
  });

  it('drops its own parts where another upload was faster', async () => {
    const bucket = await freshBucket();
    const store = await openBucket(bucket);
    for (const expected of [1, 1, 2].map((seed, index) => ({ seed, completed: index < 2 }))) {
      const upload = store.startUpload('a.bin');
      await upload.send(0, objectPart(noise(6 * MiB, expected.seed)), NEVER);
      assert.equal(await upload.complete(1, NEVER), expected.completed);
      assert.equal(bucket.emulator.openUploads(), 0);
    }
  });

  it('knows that its parts were joined although the answer was lost', async () => {
    const bucket = await freshBucket();
    let lost = 0;
    const proxy = await FaultProxy.start(bucket.emulator.endpoint, ({ head }) =>
      /^POST [^ ]*uploadId=/.test(head) && lost++ === 0 ? { cutAfter: { bytes: 0, by: 'rst' } } : undefined,
    );
    const store = await openBucket(bucket, { origin: proxy.origin });
    const upload = store.startUpload('a.bin');
    await upload.send(0, objectPart(noise(6 * MiB)), NEVER);
    // Its own connection, so that the fault meets this one request.
    proxy.cutAll();
    await upload.complete(1, NEVER);
    await proxy.stop();
    assert.ok(lost > 0);
    assert.deepEqual(await objectsIn(bucket), ['a.bin']);
    await deleteObject(bucket, 'a.bin');
  });
});
