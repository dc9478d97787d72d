import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { parseBuildSecret } from '../../../lib/docker/build-secret.ts';
import { buildArguments, type ImageBuild } from '../../../lib/docker/image-build.ts';
import { readLines } from '../../../lib/docker/output-lines.ts';
import { withLogins } from '../../../lib/docker/private-folder.ts';

describe('the lines that docker prints', () => {
  const linesOf = async (...chunks: readonly (string | Buffer)[]): Promise<readonly string[]> => {
    const lines: string[] = [];
    await readLines(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), (line) => lines.push(line));
    return lines;
  };

  it('are whole, however they arrive', async () => {
    const umlaut = Buffer.from('ü');
    assert.deepEqual(await linesOf('a', 'b\nc\n', umlaut.subarray(0, 1), umlaut.subarray(1), '\nend'), [
      ...['ab', 'c', 'ü', 'end'],
    ]);
  });

  it('show what a terminal would: no colours, and the last state of a progress bar', async () => {
    assert.deepEqual(await linesOf('\u001b[91mred\u001b[0m\n1 %\r50 %\r100 %\r\n'), ['red', '100 %']);
  });

  it('are bounded', async () => {
    const [line = ''] = await linesOf(...Array.from({ length: 64 }, () => 'x'.repeat(64 * 1024)));
    assert.equal(line.length, 4_097);
  });
});

describe('the logins of a build', () => {
  it('are added to what the user has set up, before a credential store', () => {
    const config = { auths: { a: { auth: 'old' } }, credsStore: 'desktop', proxies: {} };
    const login = { registry: 'docker.io', username: 'me', password: 'secret' };
    assert.deepEqual(withLogins(config, [login]), {
      auths: { a: { auth: 'old' }, 'https://index.docker.io/v1/': { auth: 'bWU6c2VjcmV0' } },
      credHelpers: { 'https://index.docker.io/v1/': '' },
      credsStore: 'desktop',
      proxies: {},
    });
  });
});

describe('a build secret', () => {
  const parse = (line: string): unknown =>
    parseBuildSecret(
      line,
      (path) => `/full/${path}`,
      (name) => ({ TOKEN: 'of the environment' })[name],
    );

  it('is a value, a file or a variable', () => {
    assert.deepEqual(parse('pip=a=b,c'), { id: 'pip', value: 'a=b,c' });
    assert.deepEqual(parse('id=netrc,src=conf/netrc'), { id: 'netrc', file: '/full/conf/netrc' });
    assert.deepEqual(parse('id=token,env=TOKEN'), { id: 'token', value: 'of the environment' });
  });

  it('is not shown where it is wrong', () => {
    for (const line of ['hunter2', 'pip=', '$hunter2=x', 'id=a,env=NONE']) {
      assert.throws(
        () => parse(line),
        (error: Error) => JSON.stringify(error).includes('BUILD_SECRET_INVALID') && !error.message.includes('hunter2'),
        line,
      );
    }
  });
});

describe('the words behind docker', () => {
  const build: ImageBuild = {
    dockerfile: '/src/Dockerfile',
    context: '/src',
    arguments: { A: 'x y' },
    target: 'web',
    secrets: new Map([['pip', '/private/0']]),
    platforms: ['linux/amd64', 'linux/arm64'],
    cacheFrom: ['type=registry,ref=host/cache'],
    cacheTo: ['type=inline'],
  };
  const common = ['--build-arg', 'A=x y', '--target', 'web', '--secret', 'id=pip,src=/private/0'];
  const more = ['--platform', 'linux/amd64,linux/arm64', '--cache-from', 'type=registry,ref=host/cache'];

  it('write an image layout where the builder can', () => {
    assert.deepEqual(buildArguments(build, 'buildx', { layoutFile: '/private/image.tar' }), [
      ...['buildx', 'build', '--file', '/src/Dockerfile', '--progress', 'plain', ...common, ...more],
      ...['--cache-to', 'type=inline', '--output', 'type=oci,dest=/private/image.tar', '/src'],
    ]);
  });

  it('leave no container of the classic builder behind', () => {
    const plain: ImageBuild = {
      ...build,
      arguments: {},
      target: undefined,
      secrets: new Map(),
      platforms: [],
      cacheFrom: [],
      cacheTo: [],
    };
    assert.deepEqual(buildArguments(plain, 'classic', { idFile: '/private/id', tag: undefined }), [
      ...['build', '--file', '/src/Dockerfile', '--force-rm', '--iidfile', '/private/id', '/src'],
    ]);
  });
});
