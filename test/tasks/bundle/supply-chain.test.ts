import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import type { Descriptor, ImageConfig, Manifest } from '../../../lib/oci/image.ts';
import { listReferrers } from '../../../lib/oci/referrers.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import type { Component, CycloneDx } from '../../../lib/supply/cyclonedx.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { FAMILIES, PLATFORMS, pushBaseImage } from '../../support/base-images.ts';
import { type BlobContainer, freshContainer } from '../../support/blob-container.ts';
import { COSIGN_KEY, COSIGN_PASSWORD, COSIGN_PUBLIC_KEY } from '../../support/cosign-key.ts';
import { cycloneDxValidator } from '../../support/cyclonedx-schema.ts';
import { ensureImageInspectors } from '../../support/image-inspectors.ts';
import { opensslAccepts, pullWithSignatures } from '../../support/image-trust.ts';
import {
  runTaskProcess,
  succeeded,
  type TaskProcessOptions,
  type TaskProcessResult,
} from '../../support/packed-task.ts';
import { ReferrersRegistry } from '../../support/referrers-registry.ts';

const NEVER = new AbortController().signal;
const dispatcher = createDispatcher();
const COMMIT = 'a'.repeat(40);
const VARIABLES = {
  SOURCE_DATE_EPOCH: '1764000000',
  'Build.SourceVersion': COMMIT,
  'Build.Repository.Uri': 'https://user:token@example.com/app?token=token',
  'Build.SourceBranch': 'refs/heads/main',
  'Build.BuildId': '7',
  'System.CollectionUri': 'https://dev.azure.com/shop/',
  'System.TeamProject': 'ml shop',
};
const SIGNED = { signingKey: COSIGN_KEY, signingKeyPassword: COSIGN_PASSWORD };

describe('the supply chain of a bundled image', function () {
  this.timeout('120s');
  let host = '';
  let folder = '';
  let listing: ReferrersRegistry;
  const base = `supply/${randomUUID()}/base`;
  before(async () => {
    ({ host } = (await ensureServices(['registry'])).registry);
    await ensureImageInspectors();
    listing = await ReferrersRegistry.start(host);
    const platforms = [PLATFORMS.AMD64, PLATFORMS.ARM64];
    await pushBaseImage(repository(base), '1');
    await pushBaseImage(repository(base), 'docker', { family: FAMILIES.DOCKER });
    await pushBaseImage(repository(base), 'many', { platforms });
    folder = mkdtempSync(join(tmpdir(), 'supply-'));
    mkdirSync(join(folder, 'app', 'web'), { recursive: true });
    writeFileSync(join(folder, 'app', 'main.py'), 'print("hello")\n');
    writeFileSync(join(folder, 'app', 'requirements.txt'), 'numpy==1.26.4\nflask==3.0.3\nrequests\n');
    writeFileSync(
      join(folder, 'app', 'web', 'package-lock.json'),
      JSON.stringify({ lockfileVersion: 3, packages: { '': {}, 'node_modules/ms': { version: '2.1.3' } } }),
    );
    mkdirSync(join(folder, 'model'));
    writeFileSync(join(folder, 'model', 'weights.npz'), randomBytes(50_000));
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await listing.stop();
    await dispatcher.destroy();
  });
  beforeEach(() => {
    listing.artifacts = 'listed';
    listing.writesLeft = Infinity;
    listing.writes.length = 0;
  });

  const repository = (name: string): Repository =>
    new Repository(
      new RegistryClient({ registry: host, dispatcher }),
      { registry: host, repository: name },
      'pull,push',
    );
  const newName = (): string => `supply/${randomUUID()}`;
  const run = async (
    inputs: Readonly<Record<string, string>>,
    rest: Partial<TaskProcessOptions> = {},
  ): Promise<TaskProcessResult> =>
    runTaskProcess({
      task: 'BundleModelImage',
      inputs: {
        tags: 'latest',
        baseImage: `${host}/${base}:1`,
        appFolder: join(folder, 'app'),
        modelFolder: join(folder, 'model'),
        model: 'digits',
        version: '7',
        ...inputs,
      },
      variables: VARIABLES,
      ...rest,
    });
  const failed = (result: TaskProcessResult, code: string): void => {
    assert.equal(result.result, 'Failed', result.log);
    assert.match(result.issues.find(({ type }) => type === 'error')?.message ?? '', new RegExp(`^${code}: `));
  };
  const jsonOf = async <Kind>(name: string, reference: string): Promise<Kind> =>
    JSON.parse((await repository(name).manifest(reference, NEVER))?.bytes.toString() ?? 'null') as Kind;
  const contentOf = (name: string, { digest }: Pick<Descriptor, 'digest'>): Promise<Buffer> =>
    repository(name).document(digest, NEVER);
  const documentOf = async <Kind>(name: string, digest = ''): Promise<Kind> => {
    const { layers } = await jsonOf<Manifest>(name, digest);
    return JSON.parse((await contentOf(name, layers[0] ?? { digest: '' })).toString()) as Kind;
  };
  /** How many of the signatures that skopeo finds are of this key. */
  const verified = (image: string, publicKey: string): number =>
    pullWithSignatures(folder, image).filter((found) => opensslAccepts(folder, publicKey, found)).length;
  const newPublicKey = (): string =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const tagBeside = (digest = '', suffix = ''): string => `${digest.replace(':', '-')}.${suffix}`;

  for (const [what, registry] of [
    ['a registry that lists referrers', () => listing.host],
    ['a registry that does not', () => host],
  ] as const) {
    it(`is found beside the image in ${what}`, async () => {
      const name = newName();
      const {
        outputs,
        summary = '',
        attachments,
        log,
      } = succeeded(await run({ repository: `${registry()}/${name}`, ...SIGNED }));
      const { imageDigest = '', sbomDigest = '', provenanceDigest = '', signatureDigest = '' } = outputs;
      const found = await listReferrers(
        new Repository(
          new RegistryClient({ registry: registry(), dispatcher }),
          { registry: registry(), repository: name },
          'pull',
        ),
        imageDigest,
        NEVER,
      );
      const top = await repository(name).manifest(imageDigest, NEVER);
      const subject = { mediaType: top?.mediaType, digest: imageDigest, size: top?.bytes.length };
      assert.deepEqual(
        new Map(found.map(({ digest, artifactType }) => [artifactType, digest])),
        new Map([
          ['application/vnd.cyclonedx+json', sbomDigest],
          ['application/vnd.in-toto+json', provenanceDigest],
          [
            'application/vnd.dev.cosign.artifact.att.v1+json',
            await repository(name).digestOfTag(tagBeside(imageDigest, 'att'), NEVER),
          ],
          ['application/vnd.dev.cosign.artifact.sig.v1+json', signatureDigest],
        ]),
      );
      for (const digest of [sbomDigest, provenanceDigest, signatureDigest]) {
        assert.ok(summary.includes(digest), summary);
        // What others wrote reads it as well.
        const artifact = `docker://${host}/${name}@${digest}`;
        const raw = execFileSync('skopeo', ['inspect', '--raw', '--tls-verify=false', artifact]);
        assert.deepEqual((JSON.parse(raw.toString()) as Manifest).subject, subject);
      }
      const { attached } = JSON.parse(attachments[0]?.content ?? '{}') as { attached: unknown };
      assert.deepEqual(attached, { sbom: sbomDigest, provenance: provenanceDigest, signature: signatureDigest });
      assert.match(log, /requirements\.txt pins no version of requests/);
    });
  }

  it('tells what is in the image, by the schema of CycloneDX', async () => {
    const name = newName();
    const { outputs } = succeeded(await run({ repository: `${host}/${name}` }));
    const sbom = await documentOf<CycloneDx>(name, outputs.sbomDigest);
    const valid = cycloneDxValidator();
    assert.ok(valid(sbom), JSON.stringify(valid.errors));
    const of = (type: Component['type']): readonly Component[] => sbom.components.filter((one) => one.type === type);
    assert.deepEqual(
      of('library').map(({ purl }) => purl),
      ['pkg:npm/ms@2.1.3', 'pkg:pypi/flask@3.0.3', 'pkg:pypi/numpy@1.26.4'],
    );
    const [model] = of('machine-learning-model');
    assert.deepEqual([model?.name, model?.version], ['digits', '7']);
    assert.equal(`sha256:${model?.hashes?.[0]?.content ?? ''}`, outputs.modelDigest);
    assert.equal(model?.properties?.[0]?.value, outputs.modelLayers);
    assert.equal(sbom.metadata.component.version, outputs.imageDigest);
    assert.equal(of('container')[0]?.version, outputs.baseDigest);
  });

  it('tells how the image was made, and no credentials', async () => {
    const name = newName();
    const { outputs } = succeeded(await run({ repository: `${host}/${name}` }));
    const statement = await documentOf<{ subject: unknown; predicate: unknown }>(name, outputs.provenanceDigest);
    const hexadecimal = (digest = ''): string => digest.slice('sha256:'.length);
    assert.deepEqual(statement.subject, [
      { name: `${host}/${name}`, digest: { sha256: hexadecimal(outputs.imageDigest) } },
    ]);
    const text = JSON.stringify(statement);
    for (const part of [
      '"uri":"git+https://example.com/app@refs/heads/main","digest":{"gitCommit":"' + COMMIT,
      `"digest":{"sha256":"${hexadecimal(outputs.baseDigest)}"}`,
      `{"name":"digits 7","digest":{"sha256":"${hexadecimal(outputs.modelDigest)}"}}`,
      '"builder":{"id":"https://dev.azure.com/shop/"}',
      '"invocationId":"https://dev.azure.com/shop/ml%20shop/_build/results?buildId=7"',
    ]) {
      assert.ok(text.includes(part), `${part} is not in ${text}`);
    }
    assert.ok(!text.includes('token'));
  });

  const recordedIn = async (name: string, digest = ''): Promise<Readonly<Record<string, string>>> => {
    const { predicate } = await documentOf<{
      predicate: { buildDefinition: { externalParameters: { inputs: Readonly<Record<string, string>> } } };
    }>(name, digest);
    return predicate.buildDefinition.externalParameters.inputs;
  };

  it('tells the inputs of which the digest depends: run again with them, it comes out the same', async () => {
    const name = newName();
    const variables = { ...VARIABLES, 'System.DefaultWorkingDirectory': folder };
    const given = {
      tags: '7',
      platforms: 'linux/amd64',
      owner: '1000:1000',
      annotations: 'team=ml',
      appFolder: join(folder, 'app'),
      appTarget: '/srv',
      appCompression: 'none',
      modelTarget: '/opt/model',
      modelCompression: 'gzip',
      model: 'digits',
      version: '7',
      entrypoint: 'python3',
      command: 'main.py',
      workingDirectory: '/srv',
      ports: '8000',
      user: '1000',
      stopSignal: 'SIGINT',
      healthCheck: 'CMD true',
    };
    const { outputs } = succeeded(await run({ ...given, repository: `${host}/${name}` }, { variables }));
    const recorded = await recordedIn(name, outputs.provenanceDigest);
    assert.deepEqual(recorded, {
      ...given,
      appFolder: 'app',
      builder: 'append',
      baseImage: `${host}/${base}:1`,
      modelSource: 'folder',
      dockerfile: 'Dockerfile',
      buildContext: '.',
      modelInContext: 'false',
    });
    const baseImage = `${host}/${base}:1@${outputs.baseDigest ?? ''}`;
    const again = succeeded(await run({ ...recorded, repository: `${host}/${newName()}`, baseImage }, { variables }));
    assert.equal(again.outputs.imageDigest, outputs.imageDigest);
  });

  it('names folders of the agent by their last names only', async () => {
    const name = newName();
    const layout = mkdtempSync(join(folder, 'layout-'));
    execFileSync('skopeo', ['copy', '--src-tls-verify=false', `docker://${host}/${base}:1`, `oci:${layout}:1`]);
    const { outputs } = succeeded(await run({ repository: `${host}/${name}`, baseImage: `oci:${layout}:1` }));
    const { baseImage, appFolder } = await recordedIn(name, outputs.provenanceDigest);
    assert.deepEqual([baseImage, appFolder], [`oci:${basename(layout)}:1`, 'app']);
  });

  it('holds no value of a secret variable, and where one goes into the image itself, a warning names the input', async () => {
    const name = newName();
    const secret = 'correct horse battery';
    const variables = { ...VARIABLES, dbPassword: { value: secret, secret: true } } as const;
    const quoted = `serve "--password=${secret}"`;
    const inputs = {
      env: `A=1\nDB=${secret}`,
      labels: `a=${secret}`,
      annotations: `a=${secret}`,
      healthCheck: `CMD ${quoted}`,
    };
    const { outputs, issues } = succeeded(
      await run({ repository: `${host}/${name}`, entrypoint: quoted, command: quoted, ...inputs }, { variables }),
    );
    assert.deepEqual(
      issues.map(
        ({ message }) => /^The input (\w+) holds the value of a secret variable: everybody/.exec(message)?.[1],
      ),
      ['env', 'labels', 'annotations', 'entrypoint', 'command', 'healthCheck'],
    );
    const recorded = await recordedIn(name, outputs.provenanceDigest);
    assert.ok(!JSON.stringify(recorded).includes(secret), JSON.stringify(recorded));
    assert.equal(recorded.command, 'serve "--password=***"');
    const none = succeeded(
      await run({ repository: `${host}/${newName()}`, env: 'A=1', command: 'serve' }, { variables }),
    );
    assert.deepEqual(none.issues, []);
  });

  it('is signed as cosign signs: skopeo finds the signatures, OpenSSL verifies them and the attestations', async () => {
    for (const tag of ['1', 'docker', 'many']) {
      const name = newName();
      const { outputs } = succeeded(
        await run({ repository: `${host}/${name}`, baseImage: `${host}/${base}:${tag}`, ...SIGNED }),
      );
      const { image = '', imageDigest = '' } = outputs;
      assert.equal(verified(image, COSIGN_PUBLIC_KEY), 1);
      assert.equal(verified(image, newPublicKey()), 0);

      const { layers } = await jsonOf<Manifest>(name, tagBeside(imageDigest, 'sig'));
      const payload = await contentOf(name, layers[0] ?? { digest: '' });
      const signature = Buffer.from(layers[0]?.annotations?.['dev.cosignproject.cosign/signature'] ?? '', 'base64');
      assert.ok(opensslAccepts(folder, COSIGN_PUBLIC_KEY, { payload, signature }));
      assert.ok(payload.toString().includes(`"docker-manifest-digest":"${imageDigest}"`));

      const attestations = (await jsonOf<Manifest>(name, tagBeside(imageDigest, 'att'))).layers;
      assert.deepEqual(
        attestations.map(({ annotations }) => annotations?.predicateType),
        ['https://cyclonedx.org/bom', 'https://slsa.dev/provenance/v1'],
      );
      for (const layer of attestations) {
        const envelope = JSON.parse((await contentOf(name, layer)).toString()) as {
          readonly payloadType: string;
          readonly payload: string;
          readonly signatures: readonly { readonly sig: string }[];
        };
        const [type, bytes] = [envelope.payloadType, Buffer.from(envelope.payload, 'base64')];
        const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${bytes.length} `), bytes]);
        const signature = Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64');
        assert.ok(opensslAccepts(folder, COSIGN_PUBLIC_KEY, { payload: signed, signature }));
        assert.ok(bytes.toString().includes(imageDigest.slice('sha256:'.length)));
      }
    }
  });

  it('is verified by the commands that the documentation gives to those without cosign', async () => {
    const name = newName();
    const { outputs } = succeeded(await run({ repository: `${host}/${name}`, ...SIGNED }));
    writeFileSync(join(folder, 'cosign.pub'), COSIGN_PUBLIC_KEY);
    const manifest = await jsonOf<Manifest>(name, tagBeside(outputs.imageDigest, 'sig'));
    const [layer] = manifest.layers;
    // jq need not be there; the rest is the documentation's.
    const script = `
      digest=\${IMAGE#*@}; repository=\${IMAGE%@*}
      skopeo copy -q --src-tls-verify=false docker://$repository:\${digest/:/-}.sig dir:documented
      echo '${layer?.annotations?.['dev.cosignproject.cosign/signature'] ?? ''}' | base64 -d > signature.bin
      payload=documented/${layer?.digest.slice('sha256:'.length) ?? ''}
      openssl dgst -sha256 -verify cosign.pub -signature signature.bin $payload && grep -q $digest $payload`;
    const output = execFileSync('bash', ['-ec', script], {
      cwd: folder,
      env: { ...process.env, IMAGE: outputs.image },
    });
    assert.match(output.toString(), /Verified OK/);
  });

  it('is the same SBOM on Node 20 and 24, and nothing is sent again for an image that has it all', async () => {
    const name = newName();
    const inputs = { repository: `${listing.host}/${name}`, ...SIGNED };
    const first = succeeded(await run(inputs, { node: '20' })).outputs;
    listing.writes.length = 0;
    const second = succeeded(await run(inputs, { node: '24' })).outputs;
    assert.deepEqual(listing.writes, []);
    assert.equal(second.imageChanged, 'false');
    for (const output of ['imageDigest', 'sbomDigest', 'provenanceDigest', 'signatureDigest']) {
      assert.equal(second[output], first[output], output);
    }
    const elsewhere = await run({ repository: `${listing.host}/${newName()}`, signingKey: '' });
    assert.equal(elsewhere.outputs.signatureDigest, '');
  });

  it('adds to an image that is there what was not wanted before, and a second signature beside the first', async () => {
    const name = newName();
    const target = `${host}/${name}`;
    const bare = succeeded(await run({ repository: target, sbom: 'false', provenance: 'false' })).outputs;
    assert.deepEqual([bare.sbomDigest, bare.provenanceDigest, bare.signatureDigest], ['', '', '']);
    const { outputs } = succeeded(await run({ repository: target, ...SIGNED }));
    assert.equal(outputs.imageDigest, bare.imageDigest);
    assert.equal(outputs.imageChanged, 'false');
    const second = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const signingKey = second.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().replaceAll('\n', ' ');
    succeeded(await run({ repository: target, signingKey }));
    const { layers } = await jsonOf<Manifest>(name, tagBeside(outputs.imageDigest, 'sig'));
    assert.equal(layers.length, 2);
    for (const key of [COSIGN_PUBLIC_KEY, second.publicKey.export({ type: 'spki', format: 'pem' }).toString()]) {
      assert.equal(verified(outputs.image ?? '', key), 1);
    }
  });

  it('is whole before the tag moves: stopped after any write, the tag is as it was or the image is signed', async () => {
    const name = newName();
    const inputs = { repository: `${listing.host}/${name}`, ...SIGNED };
    succeeded(await run(inputs));
    const order = listing.writes.filter((write) => write.includes('/manifests/'));
    assert.match(order.at(-1) ?? '', /\/manifests\/latest$/);
    assert.match(order.at(-2) ?? '', /\.sig$/);
    const before = await repository(name).digestOfTag('latest', NEVER);
    // Refused after ever more writes, until so many are let through that the run succeeds.
    for (let writes = 0; ; writes += 1) {
      listing.writesLeft = writes;
      const { result, outputs, log } = await run({ ...inputs, env: 'RUN=2' });
      if (result === 'Succeeded') {
        assert.ok(writes > 3, log);
        assert.equal(verified((outputs.image ?? '').replace(listing.host, host), COSIGN_PUBLIC_KEY), 1);
        break;
      }
      assert.equal(await repository(name).digestOfTag('latest', NEVER), before, `after ${writes} writes`);
    }
  });

  it('is worth a warning where the registry takes no artifacts, but a signature that is wanted must be there', async () => {
    listing.artifacts = 'refused';
    const name = newName();
    const plain = succeeded(await run({ repository: `${listing.host}/${name}` }));
    assert.match(plain.issues[0]?.message ?? '', /^REGISTRY_REFUSED: .*MANIFEST_INVALID.* without SBOM and provenance/);
    assert.deepEqual([plain.outputs.sbomDigest, plain.outputs.provenanceDigest], ['', '']);
    assert.equal(await repository(name).digestOfTag('latest', NEVER), plain.outputs.imageDigest);
    failed(await run({ repository: `${listing.host}/${name}`, env: 'NEW=1', ...SIGNED }), 'SIGNATURE_REFUSED');
    assert.equal(await repository(name).digestOfTag('latest', NEVER), plain.outputs.imageDigest);
  });

  it('asks for a key that can sign before it sends anything, and shows nothing of it', async () => {
    const name = newName();
    const target = { repository: `${listing.host}/${name}` };
    failed(await run({ ...target, signingKey: COSIGN_KEY, signingKeyPassword: 'wrong' }), 'SIGNING_KEY_LOCKED');
    failed(await run({ ...target, signingKey: COSIGN_KEY }), 'SIGNING_KEY_LOCKED');
    failed(await run({ ...target, signingKey: COSIGN_PUBLIC_KEY }), 'SIGNING_KEY_INVALID');
    assert.deepEqual(listing.writes, []);
    const secret = (value: string) => ({ value, secret: true }) as const;
    const variables = {
      'System.Debug': 'true',
      SOURCE_DATE_EPOCH: '1764000000',
      key: secret(COSIGN_KEY),
      password: secret(COSIGN_PASSWORD),
      wrong: secret('a wrong password'),
    };
    const runs = [
      succeeded(await run({ ...target, ...SIGNED }, { variables })),
      await run({ ...target, signingKey: COSIGN_KEY, signingKeyPassword: 'a wrong password' }, { variables }),
    ];
    for (const { log, summary = '', attachments } of runs) {
      const shown = [log, summary, ...attachments.map(({ content }) => content)].join('\n');
      for (const line of COSIGN_KEY.split('\n').filter((text) => text.length > 8 && !text.startsWith('--'))) {
        assert.ok(!shown.includes(line), line);
      }
      assert.ok(!shown.includes(COSIGN_PASSWORD) && !shown.includes('a wrong password'));
    }
  });

  describe('of a model from the store', () => {
    let container: BlobContainer;
    let store: Readonly<Record<string, string>>;
    before(async () => {
      container = await freshContainer();
      const { connectionString } = container.service;
      store = { storageAuth: 'connectionString', connectionString, container: container.name, model: 'digits' };
      const source = { source: join(folder, 'model'), version: '3.0.0', author: 'Ada' };
      const properties = 'accuracy=0.97\nframework=numpy';
      const inputs = { ...store, ...source, properties };
      const variables = {
        'Build.SourceVersion': 'b'.repeat(40),
        'Build.Repository.Uri': 'https://example.com/training',
      };
      succeeded(await runTaskProcess({ task: 'PublishModel', inputs, variables }));
    });
    after(() => container.client.delete());

    const fetchTo = async (destination: string): Promise<TaskProcessResult['outputs']> =>
      succeeded(await runTaskProcess({ task: 'FetchLatestModel', inputs: { ...store, destination } })).outputs;
    const unnamed = { model: '', version: '' };
    const labelsOf = async (name: string, digest = ''): Promise<Readonly<Record<string, string>>> => {
      const { config } = await jsonOf<Manifest>(name, digest);
      const { config: settings } = JSON.parse((await contentOf(name, config)).toString()) as ImageConfig;
      return settings?.Labels ?? {};
    };

    for (const way of ['straight', 'by a folder that FetchLatestModel made'] as const) {
      it(`tells what its publisher said, and where it came from: ${way}`, async () => {
        const name = newName();
        const modelFolder = join(folder, 'fetched');
        if (way !== 'straight') await fetchTo(modelFolder);
        const from =
          way === 'straight' ? { ...store, modelSource: 'store', modelFolder: '' } : { ...unnamed, modelFolder };
        const { outputs } = succeeded(await run({ repository: `${host}/${name}`, version: '', ...from }));
        const { components } = await documentOf<CycloneDx>(name, outputs.sbomDigest);
        const model = components.find(({ type }) => type === 'machine-learning-model');
        assert.deepEqual([model?.name, model?.version, model?.authors], ['digits', '3.0.0', [{ name: 'Ada' }]]);
        const metrics = model?.modelCard?.quantitativeAnalysis?.performanceMetrics;
        assert.deepEqual(metrics, [{ type: 'accuracy', value: '0.97' }]);
        assert.match(outputs.modelUri ?? '', /\/models\/digits\/versions\/3\.0\.0$/);
        assert.deepEqual(
          model?.externalReferences?.map(({ type, url }) => [type, url]),
          [
            ['distribution', outputs.modelUri],
            ['vcs', 'https://example.com/training'],
          ],
        );
      });
    }

    it('is in the same image whether it comes straight, by whatever folder, and named by inputs or not', async () => {
      const folders = [join(folder, 'agent-1', 'model'), join(folder, 'agent-2', 'digits')];
      const [fetched] = await Promise.all(folders.map(fetchTo));
      const { modelName: model = '', modelVersion: version = '' } = fetched ?? {};
      const ways: readonly Readonly<Record<string, string>>[] = [
        { ...store, modelSource: 'store', version: '' },
        ...folders.map((modelFolder) => ({ ...unnamed, modelFolder })),
        ...folders.map((modelFolder) => ({ model, version, modelFolder })),
      ];
      const repository = `${host}/${newName()}`;
      const digests = new Set<string | undefined>();
      for (const way of ways) digests.add(succeeded(await run({ repository, ...way })).outputs.imageDigest);
      assert.equal(digests.size, 1);
    });

    it('is not told of a model that the inputs call otherwise, or whose files were changed since', async () => {
      const modelFolder = join(folder, 'changed', 'model');
      await fetchTo(modelFolder);
      const lineageOf = async (inputs: Readonly<Record<string, string>>): Promise<readonly unknown[]> => {
        const name = newName();
        const { outputs } = succeeded(await run({ repository: `${host}/${name}`, modelFolder, ...inputs }));
        const labels = await labelsOf(name, outputs.imageDigest);
        const { components } = await documentOf<CycloneDx>(name, outputs.sbomDigest);
        const card = components.find(({ type }) => type === 'machine-learning-model')?.modelCard;
        const [of, version, uri] = ['name', 'version', 'uri'].map((key) => labels[`model-delivery.model.${key}`]);
        return [of, version, uri === outputs.modelUri, card?.quantitativeAnalysis !== undefined];
      };
      assert.deepEqual(await lineageOf({ ...unnamed }), ['digits', '3.0.0', true, true]);
      assert.deepEqual(await lineageOf({ model: 'digits', version: '' }), ['digits', '3.0.0', true, true]);
      assert.deepEqual(await lineageOf({ model: '', version: '4' }), [undefined, '4', false, false]);
      assert.deepEqual(await lineageOf({ model: 'faces', version: '' }), ['faces', undefined, false, false]);
      writeFileSync(join(modelFolder, 'weights.npz'), 'other weights');
      assert.deepEqual(await lineageOf({ ...unnamed }), [undefined, undefined, false, false]);
    });
  });

  it('of an app that a Dockerfile builds names what it is built from, and lists the packages of its build context', async () => {
    const { docker } = await ensureServices(['registry', 'docker']);
    const buildContext = mkdtempSync(join(folder, 'context-'));
    writeFileSync(join(buildContext, 'Dockerfile'), `FROM ${host}/${base}:1\nCOPY uv.lock /app/\n`);
    writeFileSync(join(buildContext, 'uv.lock'), '[[package]]\nname = "anyio"\nversion = "4.4.0"\n');
    const name = newName();
    const inputs = { builder: 'dockerfile', buildContext, repository: `${host}/${name}`, baseImage: '', appFolder: '' };
    const variables = { SOURCE_DATE_EPOCH: '1764000000', DOCKER_HOST: docker.host };
    const { outputs } = succeeded(await run({ ...inputs, ...SIGNED }, { variables }));
    const { components } = await documentOf<CycloneDx>(name, outputs.sbomDigest);
    assert.deepEqual(
      components.map((component) => component.name),
      [`${host}/${base}:1`, 'digits', 'anyio'],
    );
    assert.equal(verified(outputs.image ?? '', COSIGN_PUBLIC_KEY), 1);
  });

  it('leaves out what it cannot read, and says so', async () => {
    const app = mkdtempSync(join(folder, 'app-'));
    writeFileSync(join(app, 'poetry.lock'), 'not [ toml');
    const { issues, outputs } = succeeded(await run({ repository: `${host}/${newName()}`, appFolder: app }));
    assert.match(issues[0]?.message ?? '', /packages of poetry\.lock: it is not TOML/);
    assert.match(outputs.sbomDigest ?? '', /^sha256:/);
  });
});
