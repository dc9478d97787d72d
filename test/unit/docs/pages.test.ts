import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PAGES = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'templates/**/*.md'], { cwd: ROOT }).sort();
const SOURCES = globSync(['lib/**/*.ts', 'tasks/**/*.ts', 'tools/**/*.ts'], { cwd: ROOT });

function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Where the links and pictures of a page point to, within the project. */
function targetsOf(page: string): readonly string[] {
  const text = textOf(page).replaceAll(/```[^]*?```/g, '');
  return [...text.matchAll(/\]\(([^)\s#]+)[^)]*\)|\bsrc="([^"]+)"/g)]
    .map(([, link, source]) => link ?? source ?? '')
    .filter((target) => !/^[a-z]+:/.test(target));
}

interface Input {
  readonly label: string;
  readonly options?: Readonly<Record<string, string>>;
}

function inputsOf(task: string): readonly Input[] {
  return (JSON.parse(textOf(task)) as { readonly inputs: readonly Input[] }).inputs;
}

/** What a page's tables say to fill in. */
function fieldsOf(page: string): readonly { readonly page: string; readonly field: string; readonly value: string }[] {
  return [...textOf(page).matchAll(/^\| field +\| value +\|\n.*\n((?:\|.*\n)+)/gm)].flatMap(([, body = '']) =>
    body
      .trim()
      .split('\n')
      .map((row) => {
        const [, field = '', value = ''] = row.split('|').map((cell) => cell.trim());
        return { page, field, value };
      }),
  );
}

describe('the pages', () => {
  for (const page of PAGES) {
    it(`${page} links to what is there`, () => {
      const dead = targetsOf(page).filter((target) => !existsSync(join(ROOT, dirname(page), target)));
      assert.deepEqual(dead, []);
    });
  }

  for (const task of globSync('tasks/*/task.json', { cwd: ROOT }).map((file) => file.split(/[\\/]/)[1] ?? '')) {
    it(`say where ${task} is explained, which roles it needs, and what it is in the tutorial`, () => {
      const page = task.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase();
      assert.ok(textOf('docs/README.md').includes(`[${task}](${page}.md)`), 'docs/README.md');
      assert.match(textOf('docs/security.md'), new RegExp(`^\\| ${task} `, 'm'));
      assert.ok(textOf('docs/from-the-tutorial.md').includes(task), 'docs/from-the-tutorial.md');
      for (const first of ['README.md', 'overview.md']) assert.ok(textOf(first).includes(task), first);
    });
  }

  it('call the fields and choices of the classic editor as the tasks do', () => {
    const inputs = globSync('tasks/*/task.json', { cwd: ROOT }).flatMap((file) => inputsOf(file));
    const rows = PAGES.flatMap((page) => fieldsOf(page));
    assert.ok(rows.length > 40, `found only ${rows.length} fields`);
    const wrong = rows.filter(({ field, value }) => {
      const named = inputs.filter(({ label }) => label === field);
      const choices = named.flatMap(({ options }) => Object.values(options ?? {}));
      return field !== 'Reference name' && (named.length === 0 || (choices.length > 0 && !choices.includes(value)));
    });
    assert.deepEqual(wrong, []);
  });

  it('explain every error code in docs/troubleshooting.md', () => {
    const codes = new Set(
      SOURCES.flatMap((path) =>
        [...textOf(path).matchAll(/new DeliveryError\(\s*'([A-Z_]+)'/g)].map(([, code = '']) => code),
      ),
    );
    const explained = textOf('docs/troubleshooting.md');
    assert.ok(codes.size > 20, `found only ${codes.size} codes`);
    assert.deepEqual([...codes].filter((code) => !explained.includes(`\`${code}\``)).sort(), []);
  });
});
