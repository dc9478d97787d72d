import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultProxy } from '../support/fault-proxy.ts';
import type { TaskProcessResult } from '../support/packed-task.ts';
import { failureOf, RolloutBench } from '../support/rollout-bench.ts';
import { APP, SERVE, SETTINGS, web } from '../support/web-app.ts';

/** A version whose pods take a while, so that there is a middle. */
const SLOW = web({ command: `sleep 2; ${SERVE}` }) + SETTINGS.replace('hello', 'changed');

/** What happens to the connection to the API server at the first line of the log that matches. */
interface Trouble {
  readonly at: RegExp;
  readonly happens: (proxy: FaultProxy) => void;
}

/** The API server is not to be reached for some seconds, and all connections are lost. */
function awayFor(seconds: number): (proxy: FaultProxy) => void {
  return (proxy) => {
    proxy.plan = () => ({ refuse: true });
    proxy.cutAll();
    void sleep(seconds * 1000).then(() => (proxy.plan = () => undefined));
  };
}

async function rollOutThrough(
  bench: RolloutBench,
  manifest: string,
  { at, happens }: Trouble,
): Promise<TaskProcessResult> {
  const server = /server: (\S+)/.exec(bench.kubeconfig)?.[1] ?? '';
  const proxy = await FaultProxy.start(server);
  let hasHappened = false;
  try {
    const run = await bench.rollOut(manifest, {
      kubeconfig: bench.kubeconfig.replace(server, proxy.origin.replace('http:', 'https:')),
      onLine: (line) => {
        if (hasHappened || !at.test(line)) return;
        hasHappened = true;
        happens(proxy);
      },
    });
    assert.ok(hasHappened, run.log);
    return run;
  } finally {
    await proxy.stop();
  }
}

describe('a rollout that loses contact to the API server', () => {
  let bench: RolloutBench;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
  });

  beforeEach(() => bench.begin(APP));

  after(() => bench.close());

  const WAITING = /Deployment\/web: 1\/2 updated/;

  for (const { title, at, happens } of [
    { title: 'by a reset while it waits', at: WAITING, happens: (proxy: FaultProxy) => proxy.cutAll('rst') },
    { title: 'by an end while it waits', at: WAITING, happens: (proxy: FaultProxy) => proxy.cutAll('fin') },
    { title: 'in silence while it waits', at: WAITING, happens: (proxy: FaultProxy) => proxy.stallAll() },
    { title: 'for some seconds while it waits', at: WAITING, happens: awayFor(5) },
    { title: 'for some seconds while it writes', at: /ConfigMap\/settings changed/, happens: awayFor(3) },
  ]) {
    it(`${title} takes it up again`, async () => {
      const run = await rollOutThrough(bench, SLOW, { at, happens });
      assert.equal(run.outputs.result, 'deployed', run.log);
    });
  }

  it('while it puts back still puts everything back', async () => {
    const before = await bench.state();
    const broken = web({ command: 'exit 1' }) + SETTINGS.replace('hello', 'changed');
    const run = await rollOutThrough(bench, broken, { at: /^Putting back/, happens: awayFor(5) });
    failureOf(run, 'CONTAINER_CRASHED', 'restored');
    assert.deepEqual(await bench.state(), before);
  });
});
