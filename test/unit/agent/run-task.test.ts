import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

const RUN_TASK = join(import.meta.dirname, '../../../lib/agent/run-task.ts');
const LINES = 20_000;
const IMPORT = `import { runTask } from ${JSON.stringify(RUN_TASK)};`;
const TASK = `
${IMPORT}
await runTask('Talkative', async (agent) => {
  for (let line = 0; line < ${LINES}; line++) agent.log('line ' + line);
  agent.setOutputs({ answer: 42 });
});
`;

describe('a task', () => {
  const run = (program: string): { readonly status: number | null; readonly stdout: string } =>
    spawnSync(process.execPath, ['--input-type=module', '--eval', IMPORT + program], { encoding: 'utf8' });

  it('that says much to an agent that reads late ends only when all of it is read', async () => {
    const args = ['--input-type=module', '--eval', TASK];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = once(child, 'exit') as Promise<[number]>;
    await sleep(500);
    const said = (await text(child.stdout)).split('\n');
    assert.equal(said.filter((line) => line.startsWith('line ')).length, LINES);
    assert.ok(said.some((line) => line.includes('task.setvariable variable=answer;') && line.endsWith(']42')));
    assert.ok(said.some((line) => line.includes('task.complete result=Succeeded;')));
    assert.deepEqual((await exit)[0], 0);
  });

  it('that has a secret of several lines hides each of them', () => {
    const { stdout } = run(`void runTask('Secretive', async (agent) => agent.hide('{\\n  "key": "1234"\\r\\n}\\n'));`);
    assert.match(stdout, /##vso\[task\.setsecret\]"key": "1234"\n/);
    assert.equal(stdout.match(/task\.setsecret/g)?.length, 1);
    assert.match(stdout, /result=Succeeded/);
  });

  it('that waits for what will never come fails', () => {
    const { status, stdout } = run(`void runTask('Waiting', () => new Promise(() => undefined));`);
    assert.equal(status, 1);
    assert.match(
      stdout,
      /task\.complete result=Failed;\]UNEXPECTED: Waiting .* waits for something that will never come/,
    );
    assert.doesNotMatch(stdout, /Succeeded/);
  });

  it('that has been cancelled and never ends says that it was cancelled', () => {
    const { status, stdout } = run(`
      void runTask('Waiting', async (agent) => {
        const timer = setInterval(() => undefined, 1000);
        agent.signal.addEventListener('abort', () => clearInterval(timer));
        process.kill(process.pid, 'SIGTERM');
        await new Promise(() => undefined);
      });
    `);
    assert.equal(status, 1);
    assert.match(stdout, /task\.complete result=Failed;\]CANCELLED: Waiting was cancelled \(SIGTERM\)/);
  });
});
