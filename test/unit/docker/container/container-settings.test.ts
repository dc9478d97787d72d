import assert from 'node:assert/strict';
import {
  type ContainerNetwork,
  type ContainerSettings,
  createCommand,
} from '../../../../lib/docker/container/container-settings.ts';

const SETTINGS: ContainerSettings = {
  image: 'sha256:1',
  env: {},
  volumes: [],
  gpus: undefined,
  memory: undefined,
  cpus: undefined,
  command: [],
  runArguments: [],
};
const PUBLISHED: ContainerNetwork = { kind: 'published', port: 8000, bind: '127.0.0.1', hostPort: undefined };

function words(settings: Partial<ContainerSettings>, network = PUBLISHED): string {
  return createCommand('name', { ...SETTINGS, ...settings }, { network, labels: { a: 'b' } }).args.join(' ');
}

describe('the command that creates a container', () => {
  it('has values of variables in its environment, where only this user sees them', () => {
    const { args, env } = createCommand(
      'name',
      { ...SETTINGS, env: { TOKEN: 'planted-secret', MODE: 'a b' } },
      { network: PUBLISHED, labels: {} },
    );
    assert.ok(!args.join(' ').includes('planted-secret'));
    assert.match(args.join(' '), /--env TOKEN --env MODE/);
    assert.deepEqual(env, { TOKEN: 'planted-secret', MODE: 'a b' });
  });

  it('does not let variables of the container change what docker itself does', () => {
    const env = { DOCKER_HOST: 'tcp://elsewhere', PATH: '/app/bin' };
    const command = createCommand('name', { ...SETTINGS, env }, { network: PUBLISHED, labels: {} });
    assert.deepEqual(command.env, {});
    assert.match(command.args.join(' '), /--env DOCKER_HOST=tcp:\/\/elsewhere --env PATH=\/app\/bin/);
  });

  it('publishes the port where nobody else gets at it, or shares the network of another container', () => {
    assert.match(words({}), /--publish 127\.0\.0\.1::8000/);
    assert.match(words({}, { ...PUBLISHED, hostPort: 80 }), /--publish 127\.0\.0\.1:80:8000/);
    assert.match(words({}, { ...PUBLISHED, bind: undefined }), /--publish :8000/);
    assert.match(words({}, { kind: 'shared', container: 'abc' }), /--network container:abc/);
    assert.doesNotMatch(words({}, { kind: 'shared', container: 'abc' }), /--publish/);
  });

  it('limits memory without swap, and ends with the image and its command', () => {
    const all = {
      memory: '2g',
      cpus: '1.5',
      gpus: 'all',
      volumes: ['/a:/b:ro'],
      command: ['serve', '--fast'],
      runArguments: ['--shm-size=1g'],
    };
    assert.match(
      words(all),
      /--volume \/a:\/b:ro --gpus all --memory 2g --memory-swap 2g --cpus 1\.5 .*--shm-size=1g sha256:1 serve --fast$/,
    );
  });
});
