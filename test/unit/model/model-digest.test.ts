import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { inPathOrder, modelDigest } from '../../../lib/model/model-digest.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const file = (path: string, content: string) => ({ path, size: content.length, sha256: sha256(content) });

describe("a model's identity", () => {
  // Stands in the model.json of published models: it must never change.
  it('is the digest of a list that sha256sum prints', () => {
    const list = `${sha256('x')}  a.bin\n${sha256('y')}  b/c.bin\n`;
    assert.equal(modelDigest([file('a.bin', 'x'), file('b/c.bin', 'y')]), `sha256:${sha256(list)}`);
    assert.equal(
      modelDigest([file('a.bin', 'x')]),
      'sha256:2a84509dbbddea995c8470ecbd38643e96ac86da00dc38e34a2f47da38cf71f0',
    );
  });

  it('does not depend on the order of its files', () => {
    const files = [file('b', '1'), file('a', '2'), file('ä', '3')];
    assert.equal(modelDigest(files), modelDigest([...files].reverse()));
  });

  it('changes with a byte or a name', () => {
    const digests = [[file('a', '1')], [file('a', '2')], [file('b', '1')]].map(modelDigest);
    assert.equal(new Set(digests).size, 3);
  });
});

describe('files', () => {
  it('are ordered by the bytes of their paths, not by the rules of a language', () => {
    const paths = ['ä', 'z', 'a/b', 'a.b', 'B', '\u{1f600}', '\uffee'];
    assert.deepEqual(
      inPathOrder(paths.map((path) => ({ path }))).map(({ path }) => path),
      ['B', 'a.b', 'a/b', 'z', 'ä', '\uffee', '\u{1f600}'],
    );
  });
});
