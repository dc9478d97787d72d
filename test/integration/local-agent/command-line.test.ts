import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const MAIN = join(import.meta.dirname, '..', '..', '..', 'tools', 'agent', 'main.ts');

describe('npm run pipeline', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pipeline-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs the program; once `until` is shown it is interrupted, as by Ctrl-C. */
  async function pipeline(yaml: string, args: readonly string[] = [], until?: string, again = 50) {
    const file = join(folder, 'p.yml');
    writeFileSync(file, yaml);
    const env = { ...process.env, MODEL_DELIVERY_HOME: join(folder, 'home'), TOKEN: 'sesame' };
    const child = spawn(process.execPath, [MAIN, file, ...args], { env });
    let shown = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        const seen = until !== undefined && shown.includes(until);
        shown += chunk.toString();
        if (until !== undefined && !seen && shown.includes(until)) {
          child.kill('SIGINT');
          // A terminal and npm both pass on one keystroke, unless it is long after.
          setTimeout(() => child.kill('SIGINT'), again);
        }
      });
    }
    const code = await new Promise((resolve) => child.once('close', resolve));
    return { code, shown };
  }

  it('ends with 0 when all went well', async () => {
    const { code, shown } = await pipeline('steps: [{script: "echo $(a) $(token)"}]', [
      '--var',
      'a=b=c',
      '--secret',
      'token=TOKEN',
    ]);
    assert.equal(code, 0, shown);
    assert.match(shown, /^ {3}b=c \*\*\*$/m);
    assert.match(shown, /Run Succeeded/);
  });

  it('ends with 1 when a step failed', async () => {
    assert.equal((await pipeline('steps: [{script: exit 7}]')).code, 1);
  });

  it('ends with 2 and one error when the file is wrong', async () => {
    const { code, shown } = await pipeline('steps:\n- scirpt: x');
    assert.equal(code, 2);
    assert.match(shown, /^YAML_INVALID: .*p\.yml:2: .*"scirpt".* Did you mean script\?\n$/);
  });

  it('ends with 2 for an unknown option', async () => {
    const { code, shown } = await pipeline('steps: [{script: x}]', ['--quiet']);
    assert.equal(code, 2);
    assert.match(shown, /--quiet/);
  });

  it('that is interrupted stops the step, cleans up and ends with 130', async () => {
    const yaml = `
steps:
  - script: "trap 'echo stopped; exit 0' INT; echo wait''ing; while true; do sleep 0.1; done"
  - { script: echo clean''ed up, condition: always() }
`;
    const { code, shown } = await pipeline(yaml, [], 'waiting');
    assert.equal(code, 130, shown);
    assert.match(shown, /^ {3}stopped$/m);
    assert.match(shown, /^ {3}cleaned up$/m);
  });

  it('that is interrupted twice ends at once, and its step with it', async () => {
    const beats = join(folder, 'beats');
    const yaml = `
steps:
  - script: "trap '' INT TERM; echo wait''ing; while true; do echo >> ${beats}; sleep 0.05; done"
`;
    const { code, shown } = await pipeline(yaml, [], 'waiting', 1200);
    assert.equal(code, 130, shown);
    await delay(200);
    const { size } = statSync(beats);
    await delay(300);
    assert.equal(statSync(beats).size, size);
  });
});
