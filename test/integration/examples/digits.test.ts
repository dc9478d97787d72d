import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensurePython } from '../../../tools/demo/python.ts';
import { printedProgress } from '../../../tools/services/stages.ts';

const EXAMPLE = join(import.meta.dirname, '..', '..', '..', 'examples', 'digits');
const run = promisify(execFile);

describe('examples/digits', function () {
  this.timeout('15m'); // scikit-learn may have to be installed first

  let python: string;
  let scratch: string;

  async function train(name: string, ...options: readonly string[]): Promise<string> {
    const folder = join(scratch, name);
    await run(python, ['train.py', '--output', folder, ...options], { cwd: EXAMPLE });
    return folder;
  }

  before(async () => {
    python = await ensurePython(printedProgress());
    scratch = await mkdtemp(join(tmpdir(), 'digits-'));
  });

  after(async () => {
    await rm(scratch, { recursive: true, force: true });
  });

  it('passes the unit tests that its pipeline runs first', async () => {
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
    const { stdout } = await run(python, ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'tests'], {
      cwd: EXAMPLE,
      env,
    });
    assert.match(stdout, /^\d+ passed/m);
  });

  it('trains the same bytes from the same arguments', async () => {
    const [one, other] = await Promise.all([train('one', '--samples', '150'), train('other', '--samples', '150')]);
    for (const file of ['model.npz', 'metrics.json']) {
      assert.deepEqual(await readFile(join(one, file)), await readFile(join(other, file)), file);
    }
  });

  it('trains a better model from more digits', async () => {
    const accuracyOf = async (folder: string): Promise<number> =>
      (JSON.parse(await readFile(join(folder, 'metrics.json'), 'utf8')) as { accuracy: number }).accuracy;
    const weak = await accuracyOf(await train('weak', '--samples', '150', '--hidden', '64'));
    const strong = await accuracyOf(await train('strong'));
    assert.ok(strong > 0.95 && strong > weak + 0.1, `${strong} after ${weak}`);
  });
});
