import { parse as parseToml } from 'smol-toml';
import type { LockedPackage, LockFileContent } from '../locked-package.ts';
import { type Fields, fieldsOf, listOf, parsed, parseJson, textOf } from './fields.ts';

type Use = LockedPackage['use'];

/** `name[extra]==1.2.3`, alone or before a marker or hashes (PEP 440: `==1.*` pins nothing, `===` pins any text). */
const PINNED = /^([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*={2,3}\s*([^\s;,*]+)\s*(?:;|--|$)/;

/** Reads `requirements.txt`, as pip does, without following its `-r` and `-c`: those files are found by themselves. */
export function readRequirements(text: string, use: Use): LockFileContent {
  return requirementLines(text.replaceAll(/\\\r?\n/g, ' ').split(/\r?\n/), use);
}

/** Requirements, one a line. */
export function requirementLines(lines: readonly string[], use: Use): LockFileContent {
  const requirements = lines
    .map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('-'));
  const packages = requirements.flatMap((line) => {
    const [, name, version] = PINNED.exec(line) ?? [];
    return name === undefined || version === undefined ? [] : [pypi(name, version, use)];
  });
  const unpinned = requirements.filter((line) => !PINNED.test(line));
  return { packages, unpinned: unpinned.map(nameOf) };
}

/** Reads `poetry.lock`, `uv.lock`, `pdm.lock`, and `pylock.toml` (PEP 751): each lists its packages as tables. */
export function readPythonLock(text: string): LockFileContent {
  const document = parsed('TOML', () => parseToml(text));
  const tables = [...listOf(document.package), ...listOf(document.packages)].filter((table) => !isTheAppItself(table));
  return {
    packages: tables.flatMap((table) => {
      const [name, version] = [textOf(table.name), textOf(table.version)];
      return name === undefined || version === undefined ? [] : [pypi(name, version, useOf(table))];
    }),
    unpinned: [],
  };
}

/** Reads `Pipfile.lock`. */
export function readPipfileLock(text: string): LockFileContent {
  const document = parseJson(text);
  const section = (name: string, use: Use): readonly LockedPackage[] =>
    Object.entries(fieldsOf(document[name])).flatMap(([name, entry]) => {
      const version = /^={2,3}(.+)$/.exec(textOf(fieldsOf(entry).version) ?? '')?.[1];
      return version === undefined ? [] : [pypi(name, version, use)];
    });
  return { packages: [...section('default', 'runtime'), ...section('develop', 'development')], unpinned: [] };
}

function nameOf(requirement: string): string {
  const [name = ''] = requirement.split(/[\s[(<>=!~;@]/, 1);
  return name === '' || name.includes('://') || name.includes('/') ? 'a file or address' : name;
}

function pypi(name: string, version: string, use: Use): LockedPackage {
  return { type: 'pypi', name, version, use };
}

/** uv lists the project beside what it needs. */
function isTheAppItself({ source }: Fields): boolean {
  const { virtual, editable } = fieldsOf(source);
  return virtual !== undefined || editable !== undefined;
}

/** Poetry 2 and PDM name the groups that need a package, older ones one category. */
function useOf({ category, groups, optional }: Fields): Use {
  const names = Array.isArray(groups) ? groups : [category ?? 'main'];
  if (!names.some((name) => name === 'main' || name === 'default')) return 'development';
  return optional === true ? 'optional' : 'runtime';
}
