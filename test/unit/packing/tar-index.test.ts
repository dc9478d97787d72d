import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { indexTar, NotATarError } from '../../../lib/packing/tar-index.ts';

describe('the index of a tar archive', () => {
  let folder = '';
  const long = `${'long-folder-name/'.repeat(20)}file-größe.txt`;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tar-index-'));
    const root = join(folder, 'root');
    mkdirSync(join(root, 'a'), { recursive: true });
    mkdirSync(join(root, 'b'));
    mkdirSync(join(root, long, '..'), { recursive: true });
    writeFileSync(join(root, 'a', 'layer.tar'), 'first layer');
    writeFileSync(join(root, 'empty'), '');
    writeFileSync(join(root, long), 'far down');
    symlinkSync('../a/layer.tar', join(root, 'b', 'layer.tar'));
    linkSync(join(root, 'a', 'layer.tar'), join(root, 'c.tar'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const archived = (format: string): string => {
    const archive = join(folder, `${format}.tar`);
    execFileSync('tar', ['--format', format, '-C', join(folder, 'root'), '-cf', archive, '.']);
    return archive;
  };

  for (const format of ['gnu', 'pax']) {
    it(`finds each file, also through links and by long names (${format})`, async () => {
      const archive = archived(format);
      const members = await indexTar(archive);
      const bytes = readFileSync(archive);
      const content = (path: string): string | undefined => {
        const member = members.get(path);
        return member && bytes.toString('utf8', member.offset, member.offset + member.size);
      };
      assert.equal(content('a/layer.tar'), 'first layer');
      assert.equal(content('b/layer.tar'), 'first layer');
      assert.equal(content('c.tar'), 'first layer');
      assert.equal(content('empty'), '');
      assert.equal(content(long), 'far down');
      assert.equal(content('nowhere'), undefined);
    });
  }

  it('of a file that is none, or is cut short, is refused', async () => {
    const noise = join(folder, 'noise');
    writeFileSync(noise, 'x'.repeat(2000));
    await assert.rejects(indexTar(noise), NotATarError);
    const cut = archived('pax');
    truncateSync(cut, 512 + 100);
    assert.equal((await indexTar(cut)).size, 0);
  });
});
