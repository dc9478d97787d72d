import assert from 'node:assert/strict';
import { join } from 'node:path';
import { runTaskProcess, type TaskProcessOptions } from '../../support/packed-task.ts';

const ECHO = join(import.meta.dirname, '..', '..', 'support', 'tasks', 'Echo');
const CLUSTER = {
  name: 'my cluster',
  type: 'kubernetes',
  url: 'https://127.0.0.1:6443',
  authorization: { scheme: 'Token', parameters: { apiToken: 'c2VjcmV0LXRva2Vu' } },
  data: { authorizationType: 'ServiceAccount' },
};

const echo = async (inputs: Record<string, string>, more: Partial<TaskProcessOptions> = {}) =>
  await runTaskProcess({ task: ECHO, inputs, ...more });

describe('a packed task, run as the agent runs it', () => {
  for (const node of ['24', '20'] as const) {
    it(`runs on Node ${node}, gives its outputs, summary and attachments`, async () => {
      const run = await echo({ text: 'two\nlines' }, { node });
      assert.equal(run.result, 'Succeeded');
      assert.equal(run.exitCode, 0);
      assert.match(run.log, new RegExp(`^node ${node}$`, 'm'));
      assert.deepEqual(run.outputs, { said: 'two\nlines' });
      assert.equal(run.summary, '# two\nlines\n');
      assert.deepEqual(run.attachments, [{ type: 'echo', name: 'facts', content: '{"said":"two\\nlines"}' }]);
    });
  }

  it('gets inputs by their aliases, and defaults for the others', async () => {
    assert.match((await echo({ say: 'hello' })).log, /^quiet: hello$/m);
  });

  it('gets secrets as SECRET_ alone, and they are masked in the log', async () => {
    const { log } = await echo({ text: 'x' }, { variables: { password: { value: 'hunter2!', secret: true } } });
    assert.match(log, /^password is \*\*\*; in the open: nothing$/m);
  });

  it('gets the connection that an input names, with its confidential parameters masked', async () => {
    const { log } = await echo({ text: 'x', cluster: 'my cluster' }, { connections: [CLUSTER] });
    assert.match(log, /^cluster https:\/\/127\.0\.0\.1:6443 Token$/m);
    assert.match(log, /^token \*\*\*$/m);
  });

  it('may set only the variables that its task.json allows', async () => {
    const { outputs, issues } = await echo({ text: 'x' });
    assert.equal(outputs.PATH, undefined);
    assert.match(issues[0]?.message ?? '', /may not set the variable PATH/);
  });

  it('fails when it says so, whatever its exit code', async () => {
    const run = await echo({ text: 'x', mode: 'fail' });
    assert.equal(run.result, 'Failed');
    assert.equal(run.exitCode, 0);
    assert.ok(run.issues.some(({ type, message }) => type === 'error' && message === 'cannot say that'));
  });

  it('is interrupted when it is cancelled', async () => {
    const cancel = new AbortController();
    const run = await echo(
      { text: 'x', mode: 'wait' },
      { signal: cancel.signal, onLine: (line) => line === 'waiting' && cancel.abort() },
    );
    assert.equal(run.result, 'Canceled');
    assert.match(run.log, /^stopping$/m);
  });

  for (const [title, inputs, message] of [
    ['an unknown input, with the nearest known', { text: 'x', volum: '1' }, /no input volum\. Did you mean volume\?/],
    ['a missing input', {}, /needs its input text/],
    ['a missing input that a visibleRule asks for', { text: 'x', mode: 'loud' }, /needs its input volume/],
    ['a value that is no choice', { text: 'x', mode: 'silent' }, /mode of Echo is "silent"\. Use one of: quiet, loud/],
    ['an input given twice', { text: 'x', say: 'y' }, /its input text twice/],
    ['an unknown connection', { text: 'x', cluster: 'my clutser' }, /"my clutser".*Did you mean my cluster\?/],
    ['a connection of another type', { text: 'x', cluster: 'hub' }, /wants a kubernetes connection; "hub" is of type/],
  ] as const) {
    it(`is not started with ${title}`, async () => {
      const hub = { ...CLUSTER, name: 'hub', type: 'dockerregistry' };
      const run = await echo(inputs, { connections: [CLUSTER, hub] });
      assert.equal(run.result, 'Failed');
      assert.match(run.issues[0]?.message ?? '', message);
      assert.doesNotMatch(run.log, /^node/m);
    });
  }
});
