import assert from 'node:assert/strict';
import { isLockFile, readLockFile } from '../../../lib/supply/lock-files.ts';
import { packageUrl } from '../../../lib/supply/package-url.ts';

/** What a lock file says, in words: `pkg:… runtime`. */
const said = async (path: string, lines: readonly string[]): Promise<readonly string[]> =>
  (await readLockFile(path, lines.join('\n'))).packages.map((found) => `${packageUrl(found)} ${found.use}`);

describe('lock files', () => {
  it('are known by their names, but not where packages are installed', () => {
    for (const path of [
      'requirements.txt',
      'sub/requirements-gpu.txt',
      'uv.lock',
      'yarn.lock',
      'environment.yaml',
      'pylock.prod.toml',
    ]) {
      assert.ok(isLockFile(path), path);
    }
    for (const path of [
      'node_modules/a/package-lock.json',
      'venv/lib/site-packages/x/requirements.txt',
      'requirements.in',
      'package.json',
    ]) {
      assert.ok(!isLockFile(path), path);
    }
  });

  it('of pip: takes what is pinned and names what is not', async () => {
    const text = [
      '# made by hand',
      '-r other.txt',
      '--index-url https://pypi.org/simple',
      'numpy==1.26.4',
      'Typing_Extensions[all] == 4.12.2 ; python_version >= "3.8" # why',
      'flask==3.0.3 \\',
      '    --hash=sha256:aaaa \\',
      '    --hash=sha256:bbbb',
      'torch===2.1.0+cu118',
      'requests>=2',
      'pandas==2.*',
      'scipy',
      'https://example.com/a.whl',
    ];
    assert.deepEqual(await said('requirements.txt', text), [
      'pkg:pypi/numpy@1.26.4 runtime',
      'pkg:pypi/typing-extensions@4.12.2 runtime',
      'pkg:pypi/flask@3.0.3 runtime',
      'pkg:pypi/torch@2.1.0%2Bcu118 runtime',
    ]);
    assert.deepEqual((await readLockFile('requirements.txt', text.join('\n'))).unpinned, [
      'requests',
      'pandas',
      'scipy',
      'a file or address',
    ]);
    assert.deepEqual(await said('requirements-dev.txt', ['pytest==8.3.2']), ['pkg:pypi/pytest@8.3.2 development']);
  });

  it('of Poetry, uv and PDM', async () => {
    const table = (...lines: readonly string[]): readonly string[] => ['[[package]]', ...lines, ''];
    assert.deepEqual(
      await said('poetry.lock', [
        ...table(
          'name = "numpy"',
          'version = "1.26.4"',
          'optional = false',
          'groups = ["main"]',
          'files = [',
          '  {file = "n.whl", hash = "sha256:aa"},',
          ']',
        ),
        ...table('name = "rich"', 'version = "13.7.1"', 'optional = true', 'groups = ["main"]'),
        ...table('name = "pytest"', 'version = "8.3.2"', 'optional = false', 'groups = ["dev"]'),
        ...table('name = "black"', 'version = "22.1.0"', 'category = "dev"'),
      ]),
      [
        'pkg:pypi/numpy@1.26.4 runtime',
        'pkg:pypi/rich@13.7.1 optional',
        'pkg:pypi/pytest@8.3.2 development',
        'pkg:pypi/black@22.1.0 development',
      ],
    );
    assert.deepEqual(
      await said('uv.lock', [
        'version = 1',
        ...table('name = "app"', 'version = "0.1.0"', 'source = { virtual = "." }'),
        ...table('name = "anyio"', 'version = "4.4.0"', 'source = { registry = "https://pypi.org/simple" }'),
      ]),
      ['pkg:pypi/anyio@4.4.0 runtime'],
    );
    assert.deepEqual(
      await said('pylock.toml', ['lock-version = "1.0"', '[[packages]]', 'name = "attrs"', 'version = "25.1.0"']),
      ['pkg:pypi/attrs@25.1.0 runtime'],
    );
  });

  it('of Pipenv', async () => {
    const document = {
      default: { flask: { version: '==3.0.3' }, own: { path: '.' } },
      develop: { pytest: { version: '==8.3.2' } },
    };
    assert.deepEqual(await said('Pipfile.lock', [JSON.stringify(document)]), [
      'pkg:pypi/flask@3.0.3 runtime',
      'pkg:pypi/pytest@8.3.2 development',
    ]);
  });

  it('of npm, with what each is for and what it hashes to', async () => {
    const packages = {
      '': { name: 'app', version: '1.0.0' },
      'node_modules/left-pad': {
        version: '1.3.0',
        integrity: `sha1-AAAA sha512-${Buffer.alloc(64, 1).toString('base64')}`,
      },
      'node_modules/@types/node': { version: '20.0.0', dev: true },
      'node_modules/a/node_modules/left-pad': { version: '1.1.0', optional: true },
      'node_modules/alias': { name: 'real', version: '2.0.0' },
      'node_modules/own': { resolved: 'packages/own', link: true },
      'packages/own': { version: '1.0.0' },
    };
    const text = JSON.stringify({ lockfileVersion: 3, packages });
    assert.deepEqual(await said('package-lock.json', [text]), [
      'pkg:npm/left-pad@1.3.0 runtime',
      'pkg:npm/%40types/node@20.0.0 development',
      'pkg:npm/left-pad@1.1.0 optional',
      'pkg:npm/real@2.0.0 runtime',
    ]);
    assert.deepEqual((await readLockFile('package-lock.json', text)).packages[0]?.hash, {
      algorithm: 'SHA-512',
      hexadecimal: '01'.repeat(64),
    });
    await assert.rejects(
      readLockFile('package-lock.json', '{"lockfileVersion":1,"dependencies":{}}'),
      /lockfileVersion is 1/,
    );
  });

  it('of Yarn, old and new', async () => {
    const integrity = `sha512-${Buffer.alloc(64, 2).toString('base64')}`;
    const classic = [
      '# yarn lockfile v1',
      '',
      '"@babel/code-frame@^7.0.0", "@babel/code-frame@^7.1.0":',
      '  version "7.24.7"',
      '  resolved "https://registry.yarnpkg.com/x.tgz#abc"',
      `  integrity ${integrity}`,
      '  dependencies:',
      '    picocolors "^1.0.0"',
      '',
      'picocolors@^1.0.0:',
      '  version "1.0.1"',
      '',
      '"short@npm:long-name@^1.0.0":',
      '  version "1.0.2"',
    ];
    assert.deepEqual(await said('yarn.lock', classic), [
      'pkg:npm/%40babel/code-frame@7.24.7 runtime',
      'pkg:npm/picocolors@1.0.1 runtime',
      'pkg:npm/long-name@1.0.2 runtime',
    ]);
    assert.equal((await readLockFile('yarn.lock', classic.join('\n'))).packages[0]?.hash?.hexadecimal, '02'.repeat(64));
    const berry = [
      '__metadata:',
      '  version: 8',
      '"@babel/code-frame@npm:^7.0.0, @babel/code-frame@npm:^7.1.0":',
      '  version: 7.24.7',
      '  resolution: "@babel/code-frame@npm:7.24.7"',
      '  checksum: 10c0/aa',
      '  languageName: node',
      '  linkType: hard',
      '"app@workspace:.":',
      '  version: 0.0.0-use.local',
      '  resolution: "app@workspace:."',
      '  linkType: soft',
    ];
    assert.deepEqual(await said('yarn.lock', berry), ['pkg:npm/%40babel/code-frame@7.24.7 runtime']);
  });

  it('of pnpm, from the first to the newest form', async () => {
    const entry = (key: string, ...facts: readonly string[]): readonly string[] => [
      `  ${key}:`,
      ...facts.map((fact) => `    ${fact}`),
    ];
    const newest = [
      "lockfileVersion: '9.0'",
      'packages:',
      ...entry("'@types/node@20.0.0'", 'resolution: {integrity: sha512-AAAA}'),
      ...entry('ms@2.1.3', 'resolution: {}'),
    ];
    assert.deepEqual(await said('pnpm-lock.yaml', newest), [
      'pkg:npm/%40types/node@20.0.0 runtime',
      'pkg:npm/ms@2.1.3 runtime',
    ]);
    const older = [
      'packages:',
      ...entry('/@a/b@1.0.0(react@18.2.0)', 'dev: true'),
      ...entry('/ms@2.1.3', 'optional: true'),
    ];
    assert.deepEqual(await said('pnpm-lock.yaml', older), [
      'pkg:npm/%40a/b@1.0.0 development',
      'pkg:npm/ms@2.1.3 optional',
    ]);
    const oldest = [
      'packages:',
      ...entry('/@a/b/1.0.0_react@18.2.0', 'dev: false'),
      ...entry('/ms/2.1.3', 'dev: false'),
    ];
    assert.deepEqual(await said('pnpm-lock.yaml', oldest), [
      'pkg:npm/%40a/b@1.0.0 runtime',
      'pkg:npm/ms@2.1.3 runtime',
    ]);
  });

  it('of conda: what it pins, and what it has pip pin', async () => {
    const text = [
      'name: app',
      'dependencies:',
      '  - python=3.12',
      '  - numpy=1.26.4=py312_0',
      '  - conda-forge::pandas==2.2.2',
      '  - scipy=1.13.1',
      '  - pip:',
      '      - flask==3.0.3',
      '      - requests',
    ];
    assert.deepEqual(await said('environment.yml', text), [
      'pkg:conda/numpy@1.26.4?build=py312_0 runtime',
      'pkg:conda/pandas@2.2.2?channel=conda-forge runtime',
      'pkg:conda/scipy@1.13.1 runtime',
      'pkg:pypi/flask@3.0.3 runtime',
    ]);
    assert.deepEqual((await readLockFile('environment.yml', text.join('\n'))).unpinned, ['python', 'requests']);
  });

  it('that are damaged are refused, in whatever form', async () => {
    for (const path of ['poetry.lock', 'package-lock.json', 'Pipfile.lock', 'pnpm-lock.yaml', 'environment.yml']) {
      await assert.rejects(readLockFile(path, '{ [ : not a document'), { name: 'LockFileError' }, path);
    }
  });
});
