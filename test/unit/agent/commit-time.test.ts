import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Agent } from '../../../lib/agent/agent.ts';
import { commitTime, imageTime } from '../../../lib/agent/commit-time.ts';

const SECONDS = 1_764_000_000;
const COMMITTED = new Date(SECONDS * 1000);

describe('the time of a commit', () => {
  let folder = '';
  let commit = '';
  const at = (path: string): string => join(folder, path);
  /** In a hook, git's own variables would lead it to the hook's repository. */
  const git = (cwd: string, ...args: readonly string[]): string => {
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
    const dates = { GIT_AUTHOR_DATE: `${SECONDS} +0100`, GIT_COMMITTER_DATE: `${SECONDS} +0100` };
    const env = { ...Object.fromEntries(own), ...dates };
    return execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd, env })
      .toString()
      .trim();
  };
  const commitIn = (path: string): string => {
    mkdirSync(at(path), { recursive: true });
    git(at(path), 'init', '--quiet');
    git(at(path), 'commit', '--quiet', '--allow-empty', '--message', path);
    return git(at(path), 'rev-parse', 'HEAD');
  };
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'commit-time-'));
    commit = commitIn('s/app');
    commitIn('s/other');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const warnings: string[] = [];
  beforeEach(() => warnings.splice(0));
  const agentWith = (variables: Readonly<Record<string, string>>): Agent =>
    ({
      signal: new AbortController().signal,
      variable: (name: string) => variables[name],
      warn: (text: string) => warnings.push(text),
      debug: () => undefined,
    }) as unknown as Agent;

  const places = (): Readonly<Record<string, Readonly<Record<string, string>>>> => ({
    'is that of the repository that is checked out alone': { 'Build.SourcesDirectory': at('s/app') },
    'is found among several checkouts, by the name of the repository': {
      'Build.SourcesDirectory': at('s'),
      'Build.Repository.LocalPath': at('s'),
      'Build.Repository.Name': 'shop/app',
    },
    'is found among several checkouts, by the path that the pipeline gives to the repository': {
      'Build.SourcesDirectory': at('s'),
      'Build.Repository.LocalPath': at('s/app'),
      'Build.Repository.Name': 'shop/renamed',
    },
  });
  for (const what of Object.keys(places())) {
    it(what, async () => {
      const agent = agentWith({ 'Build.SourceVersion': commit, ...places()[what] });
      assert.deepEqual([await commitTime(agent), await imageTime(agent)], [COMMITTED, COMMITTED]);
      assert.deepEqual(warnings, []);
    });
  }

  it('is found where the sources are of another user, as in the container of a job', async function () {
    if (process.getuid?.() !== 0) this.skip();
    const own = commitIn('foreign');
    for (const path of ['foreign', 'foreign/.git']) chownSync(at(path), 12_345, 12_345);
    const agent = agentWith({ 'Build.SourceVersion': own, 'Build.SourcesDirectory': at('foreign') });
    assert.deepEqual(await imageTime(agent), COMMITTED);
  });

  it('is what SOURCE_DATE_EPOCH says before all', async () => {
    const variables = { 'Build.SourceVersion': commit, 'Build.SourcesDirectory': at('s/app') };
    assert.deepEqual(await imageTime(agentWith({ ...variables, SOURCE_DATE_EPOCH: '7' })), new Date(7000));
    const wrong = agentWith({ ...variables, SOURCE_DATE_EPOCH: 'today' });
    await assert.rejects(imageTime(wrong), { code: 'SOURCE_DATE_INVALID' });
  });

  it('that no repository knows dates an image 1970, with a warning that says what to do', async () => {
    const agent = agentWith({ 'Build.SourceVersion': 'a'.repeat(40), 'Build.SourcesDirectory': at('s/app') });
    assert.equal(await commitTime(agent), undefined);
    assert.deepEqual(warnings, []);
    assert.deepEqual(await imageTime(agent), new Date(0));
    assert.match(warnings.join('\n'), /^The time of the commit a{40} is not known.*1970.*SOURCE_DATE_EPOCH/);
  });

  it('is 1970 without a word where there is no commit of git', async () => {
    assert.deepEqual(await imageTime(agentWith({ 'Build.SourceVersion': 'C123' })), new Date(0));
    assert.deepEqual(warnings, []);
  });
});
