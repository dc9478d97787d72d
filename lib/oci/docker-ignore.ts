/** What stays out of an app's layer. */
export interface IgnoreRules {
  /** Whether a file or folder, by its path relative to the app folder, stays out. */
  leavesOut(path: string): boolean;
  /** Whether nothing below a folder can come in, so that it need not be entered. */
  closes(folder: string): boolean;
}

interface Rule {
  readonly matches: RegExp;
  readonly bringsBack: boolean;
}

/**
 * What never belongs into an image: the history of the sources, the rules themselves, and Python's caches, which differ
 * from one machine to the next and would change the layer's digest.
 */
const ALWAYS = ['**/.git', '.dockerignore', '**/__pycache__'];

/**
 * Reads a `.dockerignore` file as Docker does: a pattern a line, `**` for any number of folders, `!` brings back,
 * the last line that matches decides, and a pattern that matches a folder covers all below it.
 */
export function ignoreRules(text: string): IgnoreRules {
  const lines = text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const rules = [...lines, ...ALWAYS].flatMap((line) => ruleOf(line) ?? []);
  const anyComesBack = rules.some(({ bringsBack }) => bringsBack);
  const always = ALWAYS.flatMap((line) => ruleOf(line) ?? []);
  const leavesOut = (path: string): boolean => verdict(rules, path);
  return { leavesOut, closes: (folder) => verdict(always, folder) || (!anyComesBack && leavesOut(folder)) };
}

function verdict(rules: readonly Rule[], path: string): boolean {
  const paths = withParents(path);
  const last = rules.findLast(({ matches }) => paths.some((each) => matches.test(each)));
  return last !== undefined && !last.bringsBack;
}

function withParents(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

function ruleOf(line: string): Rule | undefined {
  const bringsBack = line.startsWith('!');
  const pattern = cleaned(bringsBack ? line.slice(1).trim() : line);
  return pattern === '' ? undefined : { matches: regexOf(pattern), bringsBack };
}

/** As Go's `filepath.Clean` makes it, without a slash at either end. */
function cleaned(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** Go's `filepath.Match` with `**`, as in moby/patternmatcher. */
function regexOf(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/|\*\*|\*|\?|\\.|\[\^?[^\]]+\]|[.+^${}()|[\]\\]/g, (token) => {
    if (token === '**/') return '(?:.*/)?';
    if (token === '**') return '.*';
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    if (token.length > 1) return token;
    return `\\${token}`;
  });
  return new RegExp(`^${source}$`, 's');
}
