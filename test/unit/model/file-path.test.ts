import assert from 'node:assert/strict';
import { checkFilePaths } from '../../../lib/model/file-path.ts';

const refused = (paths: readonly string[], platform: NodeJS.Platform, why: RegExp): void =>
  assert.throws(() => checkFilePaths(paths, platform), { code: 'PATH_UNSAFE', message: why });

describe("the paths of a model's files", () => {
  it('may be anything that stays in the folder', () => {
    checkFilePaths(['model.pkl', 'a b/größe %2F.bin', '模型/v1', '...', '.hidden', 'a/b', 'a.b'], 'linux');
  });

  for (const [path, why] of [
    ['../evil', /leads out/],
    ['a/../../evil', /leads out/],
    ['/etc/passwd', /absolute/],
    ['..\\evil', /backslash/],
    ['C:/evil', /drive letter/],
    ['a\u0000.bin', /control character/],
    ['a\nb', /control character/],
    ['a//b', /empty part/],
    ['./a', /"\."/],
    ['a/', /empty part/],
    ['', /empty/],
    ['\ud800', /Unicode/],
    [`a/${'ä'.repeat(128)}`, /255 bytes/],
  ] as const) {
    it(`may not be ${JSON.stringify(path)}`, () => {
      refused([path], 'linux', why);
    });
  }

  it('may not be one and the same on a disk that ignores case or Unicode composition', () => {
    refused(['Model.bin', 'model.bin'], 'linux', /Model\.bin/);
    refused(['e\u0301.bin', '\u00e9.bin'], 'linux', /some disks/);
    refused(['a', 'a'], 'linux', /twice/);
  });

  it('may not need a folder where there is a file', () => {
    refused(['weights', 'weights/a.bin'], 'linux', /stands where it needs a folder/);
    refused(['a/b/c', 'A/B'], 'linux', /stands where it needs a folder/);
  });

  it('follow the rules of Windows on Windows', () => {
    for (const path of ['con', 'a/NUL.txt', 'COM1.bin', 'ab:c', 'what?.bin', 'end.', 'end ', 'a|b']) {
      checkFilePaths([path], 'linux');
      refused([path], 'win32', /Windows/);
    }
    checkFilePaths(['console.txt', 'com10.bin'], 'win32');
  });
});
