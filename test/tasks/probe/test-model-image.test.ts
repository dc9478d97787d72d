import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram } from '../../../tools/services/commands.ts';
import { freePort } from '../../../tools/services/ports.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { dockerCommand } from '../../support/docker-command.ts';
import { ensureBusyboxImage } from '../../support/busybox-image.ts';
import { ensureImageInspectors } from '../../support/image-inspectors.ts';
import { TestFolder } from '../../support/model-folder.ts';
import {
  failed,
  runTaskProcess,
  succeeded,
  type TaskProcessOptions,
  type TaskProcessResult,
} from '../../support/packed-task.ts';
import { startHtpasswdRegistry } from '../../support/test-registry.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const NODE = join(ROOT, 'node_modules', 'node', 'bin', 'node');
const SERVICE = join(ROOT, 'test', 'support', 'scored-service.mjs');
/** What Node.js needs of the machine to run in a container that has nothing. */
const VOLUMES = ['/lib:/lib:ro', '/lib64:/lib64:ro', '/usr/lib:/usr/lib:ro', `${NODE}:/bin/node:ro`];
const LABEL = 'model-delivery.test-of';

describe('TestModelImage', function () {
  this.timeout('120s');
  let engine = '';
  let registry = '';
  let image = '';
  let folder: TestFolder;
  before(async () => {
    const services = await ensureServices(['registry', 'docker']);
    engine = services.docker.host;
    registry = services.registry.host;
    image = await ensureBusyboxImage(services, '1');
  });
  beforeEach(() => (folder = new TestFolder()));
  afterEach(() => {
    assert.deepEqual(leftContainers(), [], 'containers of this test are left');
    folder.remove();
  });

  const docker = (...args: readonly string[]): string => dockerCommand(engine, args);
  /** Containers that were given a folder of this test. */
  const leftContainers = (): readonly string[] =>
    docker('ps', '--all', '--quiet', '--filter', `label=${LABEL}`, '--filter', `volume=${folder.at('mark')}`)
      .split('\n')
      .filter((id) => id !== '');

  const run = (
    inputs: Readonly<Record<string, string>>,
    { variables = {}, ...rest }: Partial<TaskProcessOptions> = {},
  ): Promise<TaskProcessResult> => {
    mkdirSync(folder.at('mark'), { recursive: true });
    return runTaskProcess({
      task: 'TestModelImage',
      inputs: {
        image,
        port: '8000',
        pull: 'missing',
        command: 'node /service.mjs',
        latencyRequests: '0',
        volumes: [...VOLUMES, `${SERVICE}:/service.mjs:ro`, `${folder.at('mark')}:/mark`].join('\n'),
        ...inputs,
      },
      variables: { DOCKER_HOST: engine, ...variables },
      ...rest,
    });
  };
  const cases = (...list: readonly object[]): string => {
    folder.write('.', { 'cases.json': JSON.stringify(list) });
    return folder.at('cases.json');
  };
  const factsOf = ({ attachments }: TaskProcessResult): Record<string, unknown> => {
    const [attachment] = attachments;
    assert.equal(attachment?.type, 'model-delivery.TestModelImage');
    return JSON.parse(attachment.content) as Record<string, unknown>;
  };

  for (const node of ['24', '20'] as const) {
    it(`starts the image, checks, scores and measures it: Node ${node}`, async () => {
      const scoreCases = cases(
        { name: 'sum', request: { input: [1, 2] }, expected: 3 },
        { name: 'near', request: { input: [0.1, 0.2] }, expected: 0.3, tolerance: 1e-9 },
        { name: 'labels', request: {}, expected: 'dog', answerPath: '$.labels', topK: 2 },
      );
      const result = succeeded(
        await run(
          {
            pull: 'always',
            env: 'MODEL_VERSION=3\nTOKEN=planted-secret',
            memory: '256m',
            scoreCases,
            checks: '/ contains healthy\n/version $.model == 3',
            answerPath: '$.result',
            latencyRequests: '40',
            latencyLimits: 'errorRate <= 0 %\np95 <= 60 s\nmemory <= 256 MiB',
            baseline: 'none.json',
            resultsFile: folder.at('out', 'results.json'),
          },
          { node },
        ),
      );
      const { outputs, testResults, summary = '', log } = result;
      assert.equal(outputs.image, image);
      assert.deepEqual([outputs.failed, outputs.accuracy, outputs.errorRate], ['0', '1', '0']);
      assert.ok(Number(outputs.p50) > 0 && Number(outputs.p50) <= Number(outputs.p99), JSON.stringify(outputs));
      assert.ok(Number(outputs.peakMemory) > 1_000_000, outputs.peakMemory);
      assert.match(testResults[0]?.content ?? '', /<testcase classname="Score cases" name="near"/);
      assert.match(testResults[0]?.content ?? '', /failures="0" skipped="0"/);
      assert.match(summary, /✅ 1\d checks passed[^]*█/);
      assert.match(result.issues.map(({ message }) => message).join(), /There is no baseline .*none\.json yet/);
      assert.equal(factsOf(result).passed, Number(outputs.passed));
      assert.deepEqual(JSON.parse(readFileSync(folder.at('out', 'results.json'), 'utf8')), factsOf(result));
      assert.ok(!log.includes('planted-secret'), log);
    });
  }

  it('says of each wrong answer what came instead, and fails once', async () => {
    const misdeeds = ['fail', 'hang', 'nan', 'page', 'gigabyte', 'other'];
    const scoreCases = cases(
      ...misdeeds.map((misdeed) => ({ name: misdeed, request: { do: misdeed }, expected: 1, answerPath: '$.result' })),
    );
    const result = failed(
      await run({ checks: '/version $.model == 8', scoreCases, requestTimeoutSeconds: '4' }),
      'SERVICE_CHECKS_FAILED',
      /7 of 9 checks of .* failed, the first: GET \/version \$\.model == 8 answered "7" at \$\.model instead of 8/,
    );
    const problems = Object.fromEntries(
      (factsOf(result).failures as { readonly name: string; readonly problem: string }[]).map((each) => [
        each.name,
        each.problem,
      ]),
    );
    assert.equal(problems.fail, 'answered 500: “the model is not loaded”');
    assert.equal(problems.hang, 'did not answer within 4 s');
    assert.match(problems.nan ?? '', /^answered NaN/);
    assert.match(problems.page ?? '', /^answered with text\/html, not JSON: “<h1>Sign in/);
    assert.match(problems.gigabyte ?? '', /^sent more than \d+ bytes/);
    assert.match(problems.other ?? '', /has nothing at \$\.result/);
    assert.match(result.testResults[0]?.content ?? '', /failures="7"/);
    assert.match(result.summary ?? '', /❌ 7 of 9 checks failed/);
  });

  it('lets wrong values count in the accuracy only, where a least one is given', async () => {
    const sums = [3, 3, 4].map((expected) => ({ request: { input: [1, 2] }, expected, answerPath: '$.result' }));
    const inputs = { scoreCases: cases(...sums), latencyRequests: '0' };
    const [good, bad, far] = await Promise.all(
      [{ minimumAccuracy: '0.6' }, { minimumAccuracy: '0.7' }, { maximumError: '0.3' }].map((limit) =>
        run({ ...inputs, ...limit }),
      ),
    );
    assert.ok(good && bad && far);
    succeeded(good);
    assert.match(good.testResults[0]?.content ?? '', /<skipped message="answered 3 at \$\.result: 3 is not 4;/);
    assert.equal(Number(good.outputs.accuracy).toFixed(3), '0.667');
    failed(bad, 'SERVICE_CHECKS_FAILED', /accuracy >= 0.7 was 0.66/);
    failed(far, 'SERVICE_CHECKS_FAILED', /error <= 0.3 was 0.333/);
  });

  it('compares with an earlier run', async () => {
    const baseline = folder.at('baseline.json');
    const inputs = { scoreCases: cases({ request: { input: [1] } }), latencyRequests: '20', baseline };
    writeFileSync(baseline, JSON.stringify({ measurements: { throughput: 1e9 } }));
    failed(await run(inputs), 'SERVICE_CHECKS_FAILED', /throughput at most 20 % worse than/);
  });

  it('ends at once when the container does, and shows its last lines, harmless', async () => {
    const evil = '##vso[task.setvariable variable=stolen]1';
    const result = failed(await run({ env: `SAY=${evil}\nEXIT=5` }), 'CONTAINER_EXITED', /ended with exit code 5/);
    assert.equal(result.outputs.stolen, undefined);
    assert.match(result.log, /vso\[task\.setvariable variable=stolen\]1/);
    assert.match(result.testResults[0]?.content ?? '', /<failure message="The container of .* ended with exit code 5/);
  });

  it('notices a container that ends in the middle of its test', async () => {
    const scoreCases = cases({ name: 'good', request: {} }, { name: 'last', request: { do: 'exit' } }, { request: {} });
    const { testResults } = failed(await run({ scoreCases }), 'CONTAINER_EXITED', /exit code 3/);
    assert.match(testResults[0]?.content ?? '', /name="good"[^]*keeps running/);
  });

  it('notices a container that somebody else removes, which is killed first', async () => {
    const scoreCases = cases({ request: { do: 'hang' } });
    const onLine = (line: string): void => {
      if (line.includes('is healthy within')) docker('rm', '--force', ...leftContainers());
    };
    failed(
      await run({ scoreCases }, { onLine }),
      'CONTAINER_(?:LOST|EXITED)',
      /removed by somebody else|exit code 137/,
    );
  });

  it('tells a container that was ended for want of memory', async () => {
    const scoreCases = cases({ request: { do: 'grow' } });
    failed(await run({ scoreCases, memory: '96m' }), 'CONTAINER_OUT_OF_MEMORY', /more memory than it may have/);
  });

  it('finds out why a service is never healthy', async () => {
    const inputs = { startTimeoutSeconds: '10' };
    const [closed, elsewhere, unknown] = await Promise.all(
      [{ env: 'BIND=127.0.0.1' }, { env: 'PORT=9000' }, { healthPath: '/ready' }].map((each) =>
        run({ ...inputs, ...each }),
      ),
    );
    assert.ok(closed && elsewhere && unknown);
    failed(closed, 'SERVICE_NOT_HEALTHY', /let it listen on 0\.0\.0\.0:8000/);
    failed(elsewhere, 'SERVICE_NOT_HEALTHY', /Nothing listens on port 8000 in it, but on 9000/);
    failed(unknown, 'SERVICE_NOT_HEALTHY', /health path answered 404.*check healthPath/);
  });

  it('refuses an image that is not there', async () => {
    const result = await run({ image: `${registry}/no/such:1` });
    failed(result, 'DOCKER_PULL_FAILED', /no\/such:1.*registry does not have it/);
  });

  for (const [what, inputs, code, names] of [
    [
      'a mistake in an input, before anything is pulled',
      { image: 'no/such:1', hostPort: '80a' },
      'INPUT_INVALID',
      /The input hostPort is "80a"/,
    ],
    ['an image that was never built', { image: 'no/such:1', pull: 'never' }, 'IMAGE_NOT_HERE', /no\/such:1/],
    ['a port that nobody tells', { port: '' }, 'PORT_UNKNOWN', /exposes no port/],
    [
      'a program that is not in the image',
      { command: 'no-such-program' },
      'CONTAINER_NOT_STARTED',
      /no-such-program.*Check command/,
    ],
    ['a volume that is not there', { volumes: './none:/x' }, 'INPUT_INVALID', /there is no .*none on the agent/],
    ['GPUs that are not there', { gpus: 'all' }, 'CONTAINER_NOT_STARTED', /NVIDIA container toolkit/],
    ['a limit that is none', { latencyLimits: 'p95 < 2' }, 'LIMIT_INVALID', /p95 < 2/],
    [
      'a check of a variable that is not set',
      { checks: '/version $.model == $(model.modelVersion)' },
      'CHECK_INVALID',
      /is not set/,
    ],
    ['cases that are not there', { scoreCases: 'none.json' }, 'CASES_NOT_FOUND', /none\.json/],
  ] as const) {
    it(`refuses ${what}`, async () => void failed(await run(inputs), code, names));
  }

  it('names the port of the agent that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      failed(await run({ hostPort: String(port) }), 'PORT_IN_USE', new RegExp(`The port ${port} of the agent`));
    } finally {
      server.close();
    }
  });

  it('takes the port that the image exposes, and an image that is in no registry', async () => {
    const name = `model-delivery-test/${randomUUID()}`;
    const id = docker('create', image, 'true').trim();
    try {
      docker('commit', '--change', 'EXPOSE 8000', '--change', 'CMD ["node", "/service.mjs"]', id, name);
      const { outputs } = succeeded(await run({ image: name, pull: 'never', port: '', command: '' }));
      assert.equal(outputs.image, '');
    } finally {
      docker('rm', '--force', id);
      docker('image', 'rm', '--force', name);
    }
  });

  it('removes the container when it is cancelled', async () => {
    const cancel = new AbortController();
    const scoreCases = cases({ request: { do: 'hang' } });
    const onLine = (line: string): void => {
      if (line.includes('is healthy within')) cancel.abort();
    };
    const result = await run({ scoreCases }, { signal: cancel.signal, onLine });
    assert.equal(result.result, 'Canceled');
    assert.match(result.log, /CANCELLED/);
  });

  /** Ends the task as nothing else does, as soon as its container runs; before that, something else. */
  const killing = (before = 'true'): readonly string[] => [
    ...['sh', '-c'],
    `"$@" & task=$!; for try in $(seq 300); do sleep 0.1; docker ps --quiet --filter volume="$0" | grep -q . && break; done; sleep 0.5; ${before}; kill -9 $task; wait $task`,
    folder.at('mark'),
  ];

  it('leaves no container where it is killed', async () => {
    const killed = await run({ scoreCases: cases({ request: { do: 'hang' } }) }, { wrapper: killing() });
    assert.notEqual(killed.result, 'Succeeded');
    for (let tries = 0; leftContainers().length > 0 && tries < 300; tries += 1) await sleep(100);
    assert.deepEqual(leftContainers(), []);
  });

  it('removes what an earlier run of the same agent left that was killed as a whole, and nothing of others', async () => {
    const variables = {
      'Agent.Name': `agent-${randomUUID()}`,
      'Agent.TempDirectory': folder.write('temp', { none: '' }),
    };
    const scoreCases = cases({ request: { do: 'hang' } });
    const killed = await run({ scoreCases }, { variables, wrapper: killing('pkill -KILL -P $task -x sh') });
    assert.notEqual(killed.result, 'Succeeded');
    assert.equal(leftContainers().length, 1, killed.log);
    await run({}, { variables: { ...variables, 'Agent.Name': 'another' } });
    assert.equal(leftContainers().length, 1);
    const { log } = succeeded(await run({}, { variables }));
    assert.match(log, /Removed the containers \(1\)/);
  });

  it('tests a service that runs already', async () => {
    const port = await freePort();
    const service = spawn(NODE, [SERVICE], { env: { PORT: String(port) }, stdio: 'ignore' });
    try {
      const inputs = { target: 'url', url: `http://127.0.0.1:${port}`, checks: '/version $.model == 7' };
      // There is no docker on this path.
      const { outputs } = succeeded(await run(inputs, { variables: { PATH: folder.path } }));
      assert.deepEqual([outputs.image, outputs.peakMemory], ['', '']);
    } finally {
      service.kill();
    }
  });

  describe('where the agent is a container itself', () => {
    /** Runs the task in a container that has the engine's socket, after a command of the shell. */
    const runInside = (inputs: Readonly<Record<string, string>>, before = 'true'): Promise<TaskProcessResult> => {
      const mounts = [
        ...[...VOLUMES, `${ROOT}:${ROOT}:ro`, `${tmpdir()}:${tmpdir()}`, `${folder.path}:/elsewhere`],
        ...[
          `${engine.replace('unix://', '')}:/var/run/docker.sock`,
          `${findProgram('docker') ?? ''}:/usr/bin/docker:ro`,
        ],
      ].flatMap((volume) => ['--volume', volume]);
      // The agent's variables go in by their names, for some have several lines.
      const script =
        'names=$(env | grep -oE "^(INPUT|AGENT|SYSTEM|BUILD)_[A-Z0-9_]*" | sed "s/^/--env /"); exec docker run --rm $names "$@"';
      const inside = [
        '--env',
        'DOCKER_HOST=unix:///var/run/docker.sock',
        image,
        'sh',
        '-c',
        `${before}; exec "$@"`,
        'sh',
      ];
      folder.write('.', { 'service.mjs': readFileSync(SERVICE) });
      const volumes = [...VOLUMES, '/elsewhere/service.mjs:/service.mjs:ro', '/elsewhere/mark:/mark'].join('\n');
      return run({ volumes, ...inputs }, { wrapper: ['sh', '-c', script, 'sh', ...mounts, ...inside] });
    };

    it('shares its network, and knows where its folders really are', async () => {
      const scoreCases = cases({ request: { input: [1] }, expected: { result: 2 } });
      const { log } = failed(
        await runInside({ checks: '/version $.model == 7', scoreCases }),
        'SERVICE_CHECKS_FAILED',
        /1 of \d checks .* case 1 /,
      );
      assert.match(log, /whose port 8000 is reached in the network of this agent/);
      assert.match(log, /✓ GET \/version \$\.model == 7/);
    });

    it('does not take another service in its network for the one to test', async () => {
      const result = await runInside({}, 'httpd -p 8000 -h /www');
      failed(result, 'PORT_IN_USE', /something listens on port 8000 already/);
    });
  });

  it('pulls a private image with the connection, and tells where it lacks the right', async () => {
    await ensureImageInspectors();
    const secured = await startHtpasswdRegistry();
    const { host, username, password } = secured;
    const name = `${host}/team/${randomUUID()}:1`;
    const connection = (secret: string) => ({
      ...({ name: 'shop', type: 'dockerregistry' } as const),
      authorization: {
        scheme: 'UsernamePassword',
        parameters: { registry: `http://${host}/v1/`, username, password: secret },
      },
    });
    try {
      execFileSync('skopeo', [
        ...['copy', '-q', '--src-tls-verify=false', '--dest-tls-verify=false'],
        ...['--dest-creds', `${username}:${password}`, `docker://${image}`, `docker://${name}`],
      ]);
      const inputs = { image: name, pull: 'always', registryConnection: 'shop' };
      const wrong = await run(inputs, { connections: [connection('wrong-password')] });
      failed(wrong, 'DOCKER_PULL_FAILED', /Check the name, and registryConnection/);
      const { outputs, log } = succeeded(await run(inputs, { connections: [connection(password)] }));
      assert.match(outputs.image ?? '', new RegExp(`^${name.slice(0, -2)}@sha256:[0-9a-f]{64}$`));
      assert.ok(!log.includes(password), log);
    } finally {
      docker('image', 'rm', '--force', name);
      await secured.stop();
    }
  });
});
