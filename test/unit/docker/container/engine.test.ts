import assert from 'node:assert/strict';
import { remoteHostOf } from '../../../../lib/docker/container/engine-address.ts';
import { parseImageFacts } from '../../../../lib/docker/container/image-facts.ts';
import { notStarted } from '../../../../lib/docker/container/start-failure.ts';

const SETTINGS = {
  image: 'shop/digits:1',
  env: {},
  volumes: [],
  gpus: undefined,
  memory: undefined,
  cpus: undefined,
  command: [],
  runArguments: [],
};

describe('the machine of the engine', () => {
  for (const [address, host] of [
    ['unix:///var/run/docker.sock', undefined],
    ['npipe:////./pipe/docker_engine', undefined],
    ['', undefined],
    ['tcp://localhost:2375', undefined],
    ['tcp://127.0.0.1:2375', undefined],
    ['tcp://docker:2376', 'docker'],
    ['ssh://me@build.example.com', 'build.example.com'],
    ['tcp://[fd00::1]:2375', '[fd00::1]'],
  ] as const) {
    it(`is ${host ?? 'this one'} for "${address}"`, () => assert.equal(remoteHostOf(address), host));
  }
});

describe('an image', () => {
  it('tells its TCP ports, its id and its digests, of which it may have none', () => {
    const facts = {
      Id: 'sha256:1',
      RepoDigests: ['a@sha256:2'],
      Config: { ExposedPorts: { '9090': {}, '53/udp': {}, '8000/tcp': {} } },
    };
    assert.deepEqual(parseImageFacts(JSON.stringify(facts)), {
      id: 'sha256:1',
      digests: ['a@sha256:2'],
      ports: [8000, 9090],
    });
    assert.deepEqual(parseImageFacts('{"Id": "sha256:1", "RepoDigests": null, "Config": {"ExposedPorts": null}}'), {
      id: 'sha256:1',
      digests: [],
      ports: [],
    });
  });
});

describe('a container that does not start', () => {
  for (const [stderr, code, message] of [
    [
      'Error response from daemon: driver failed programming external connectivity on endpoint x: Bind for 127.0.0.1:8080 failed: port is already allocated\nError: failed to start containers: x',
      'PORT_IN_USE',
      /port 8080 of the agent/,
    ],
    [
      'Error response from daemon: failed to set up container networking: failed to bind host port 127.0.0.1:8080/tcp: address already in use',
      'PORT_IN_USE',
      /port 8080 of the agent/,
    ],
    [
      'Error response from daemon: could not select device driver "" with capabilities: [[gpu]]',
      'CONTAINER_NOT_STARTED',
      /could not select device driver/,
    ],
    [
      "docker: invalid reference format\n\nRun 'docker create --help' for more information",
      'CONTAINER_NOT_STARTED',
      /: invalid reference format\.$/,
    ],
    ['', 'CONTAINER_NOT_STARTED', /gave no reason/],
  ] as const) {
    it(`says ${code}: ${stderr.slice(0, 60)}`, () => {
      const error = notStarted(stderr, SETTINGS);
      assert.equal(error.code, code);
      assert.match(error.message, message);
    });
  }
});
