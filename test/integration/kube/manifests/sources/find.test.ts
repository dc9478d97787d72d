import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findManifests, shownPath } from '../../../../../lib/kube/manifests/sources/find.ts';

describe('the lines of the input manifests', () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'manifests-'));
    const files = [
      'base/a.yml',
      'base/b.json',
      'base/notes.txt',
      'base/deep/c.yaml',
      'overlay/kustomization.yaml',
      'overlay/patch.yml',
      'chart/Chart.yaml',
    ];
    for (const file of files) {
      await mkdir(dirname(join(root, file)), { recursive: true });
      await writeFile(join(root, file), '');
    }
  });

  afterEach(() => rm(root, { recursive: true }));

  const found = async (...patterns: readonly string[]): Promise<readonly string[]> =>
    (await findManifests(patterns, root)).map(({ kind, path }) => `${kind} ${shownPath(path, root)}`);

  it('name files, folders and globs; a line with ! takes files away', async () => {
    assert.deepEqual(await found('base/a.yml'), ['file base/a.yml']);
    assert.deepEqual(await found('base'), ['file base/a.yml', 'file base/b.json']);
    assert.deepEqual(await found('base/'), ['file base/a.yml', 'file base/b.json']);
    assert.deepEqual(await found('base/**/*.y*ml'), ['file base/a.yml', 'file base/deep/c.yaml']);
    assert.deepEqual(await found('base', '!**/*.json'), ['file base/a.yml']);
    assert.deepEqual(await found('base/b.json', 'base'), ['file base/b.json', 'file base/a.yml']);
  });

  it('name folders of kustomize by the folder or its kustomization', async () => {
    assert.deepEqual(await found('overlay'), ['kustomization overlay']);
    assert.deepEqual(await found('overlay/kustomization.yaml', 'overlay'), ['kustomization overlay']);
  });

  it('do not take what only a rendering makes manifests of', async () => {
    await assert.rejects(found('overlay/*.y*ml'), {
      code: 'MANIFEST_INVALID',
      message: /kustomization\.yaml is no manifest/,
    });
    assert.deepEqual(await found('overlay/*.y*ml', '!overlay/kustomization.yaml'), ['file overlay/patch.yml']);
    await assert.rejects(found('chart'), { code: 'MANIFEST_INVALID', remedy: /input chart/ });
  });

  it('that find nothing are refused, each by itself', async () => {
    for (const pattern of ['nothing.yml', 'base/*.xml', 'nowhere/**', 'base/notes/']) {
      await assert.rejects(found('base', pattern), { code: 'MANIFEST_NOT_FOUND' }, pattern);
    }
    await assert.rejects(found('base', '!base/*'), { code: 'MANIFEST_NOT_FOUND' });
  });
});
