import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type PickleFinding, type PickleScan, scanPickles } from '../../../lib/model/pickle/scan.ts';
import { sourceFiles } from '../../../lib/model/source-files.ts';
import { ensurePython } from '../../../tools/demo/python.ts';
import { printedProgress } from '../../../tools/services/stages.ts';
import { noise, TestFolder } from '../../support/model-folder.ts';

const NEVER = new AbortController().signal;
const PICKLES = join(import.meta.dirname, '..', '..', 'support', 'pickles.py');

/** What must be said at least of each file that is not harmless. */
const EXPECTED: Readonly<Record<string, Partial<PickleFinding>>> = {
  'broken.pkl': { severity: 'dangerous', what: 'imports posix.system' },
  'build.pkl': { severity: 'dangerous', what: 'changes numpy.ndarray while loading' },
  'added.weights': { severity: 'dangerous', what: 'changes sys.path while loading' },
  'builtins.pkl': { severity: 'dangerous', what: 'imports numpy.__builtins__' },
  'computed.pkl': { severity: 'dangerous', what: 'imports something whose name is made while loading' },
  'crowd.pkl': { severity: 'unreadable' },
  'cut.pt': { severity: 'unreadable' },
  'decoy.pt': { severity: 'unreadable' },
  'decoy64.pt': { severity: 'unreadable' },
  'dotted.pkl': { severity: 'dangerous' },
  'endless.weights': { severity: 'dangerous', what: 'imports something whose name is made while loading' },
  'escaped.bin': { severity: 'dangerous', what: 'imports something whose name is made while loading' },
  'escaped.weights': { severity: 'dangerous', what: 'imports something whose name is made while loading' },
  'extension.pkl': { severity: 'suspicious', what: 'uses the extension registry' },
  ...Object.fromEntries(
    ['shape', 'flags', 'list', 'name'].map((part) => [
      `${part}.joblib`,
      {
        severity: 'unreadable',
        what: 'is a pickle that cannot be read to its end: the length of an array in it cannot be told',
      },
    ]),
  ),
  'garbage.pkl': { severity: 'suspicious', what: 'goes on behind the end of its pickle' },
  'halfzlib.joblib': { severity: 'unreadable' },
  'memo.pkl': { severity: 'dangerous', what: 'imports os.system' },
  'newobj.pkl': { severity: 'dangerous', what: 'imports subprocess.Popen' },
  'notpickle.pkl': { severity: 'unreadable' },
  ...Object.fromEntries(
    ['joblib', 'pk', 'sav', 'ckpt'].map((ending) => [
      `packed.${ending}`,
      { severity: 'unreadable', what: 'is compressed in a way that cannot be looked into' },
    ]),
  ),
  'place.bin': { severity: 'unreadable' },
  'recalled.joblib': { severity: 'dangerous', what: 'imports something whose name is made while loading' },
  'set.weights': { severity: 'dangerous', what: 'changes os.environ while loading' },
  'short.pkl': { severity: 'unreadable' },
  'twice.pkl': { severity: 'unreadable' },
  'unknown.pkl': { severity: 'suspicious', what: 'imports mylib.models.Net' },
};

describe('the scan of pickles', function () {
  this.timeout(120_000);
  let folder: TestFolder;

  before(async () => {
    folder = new TestFolder();
    const python = await ensurePython(printedProgress());
    await promisify(execFile)(python, ['-W', 'ignore', PICKLES, folder.path]);
  });
  after(() => folder.remove());

  const scan = async (name: string, allowed: readonly string[] = []): Promise<PickleScan> =>
    scanPickles(await sourceFiles({ path: folder.at(name), exclude: [] }), { allowed, signal: NEVER });

  it('finds nothing in what scikit-learn, numpy, joblib and PyTorch write, in any protocol, nor in numbers, texts and other formats', async () => {
    const { pickles, findings } = await scan('clean');
    assert.deepEqual(findings, []);
    assert.ok(pickles >= 55, `${pickles} pickles`);
  });

  it('finds what is hidden in each of the others', async () => {
    const { findings } = await scan('bad');
    const names = readdirSync(folder.at('bad'));
    assert.ok(names.length > 40);
    for (const name of names) {
      const own = findings.filter(({ file }) => file === name || file.startsWith(`${name} › `));
      const wanted = EXPECTED[name] ?? { severity: 'dangerous' };
      const found = own.some((finding) =>
        Object.entries(wanted).every(([key, value]) => finding[key as 'what'] === value),
      );
      assert.ok(found, `${name}: ${JSON.stringify(own)}`);
    }
  });

  it('names the file within an archive', async () => {
    const { findings } = await scan('bad/torch.pt');
    assert.deepEqual(findings, [
      { file: 'torch.pt › archive/data.pkl', severity: 'dangerous', what: 'imports posix.system' },
    ]);
  });

  it('takes for granted what is allowed, by name or by module, and no more', async () => {
    assert.deepEqual((await scan('bad/unknown.pkl', ['mylib.models.Net'])).findings, []);
    assert.deepEqual((await scan('bad/unknown.pkl', ['mylib.*'])).findings, []);
    for (const other of ['mylib.models', 'mylib.models.Ne', 'my.*', 'mylib.models.Net.*']) {
      assert.equal((await scan('bad/unknown.pkl', [other])).findings.length, 1, other);
    }
  });

  it('breaks at no garbage, and passes none that is called a pickle', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const begin = Buffer.from([0x80, seed % 6]);
      folder.write('garbage', {
        'a.pkl': Buffer.concat([seed % 2 === 0 ? begin : Buffer.alloc(0), noise(5000, seed)]),
      });
      assert.notDeepEqual((await scan('garbage')).findings, [], `seed ${seed}`);
    }
  });

  it('reads only the beginning of formats that hold numbers alone', async () => {
    const header = Buffer.alloc(8);
    header.writeBigUInt64LE(2n);
    folder.write('numbers', {
      'model.safetensors': Buffer.concat([header, Buffer.from('{"a":1}'), noise(1000)]),
      'model.gguf': Buffer.concat([Buffer.from('GGUF'), noise(1000)]),
      'model.onnx': Buffer.concat([Buffer.from([8, 8, 18, 7]), Buffer.from('pytorch'), noise(1000)]),
    });
    assert.deepEqual(await scan('numbers'), { pickles: 0, findings: [] });
  });

  it('gives up on what takes too long, and says so', async () => {
    folder.write('slow', { 'a.pkl': Buffer.concat([Buffer.from('8004', 'hex'), Buffer.alloc(60_000_000, 'N')]) });
    const files = await sourceFiles({ path: folder.at('slow'), exclude: [] });
    const { findings } = await scanPickles(files, { allowed: [], signal: NEVER, timeLimit: 1 });
    assert.deepEqual(
      findings.map(({ severity }) => severity),
      ['unreadable'],
    );
  });
});
