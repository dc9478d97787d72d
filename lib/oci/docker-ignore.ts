import { DeliveryError } from '../errors/delivery-error.ts';

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
 * What never belongs into an image: the history of the sources, the rules themselves, and what differs from one machine to the
 * next and would change the layer's digest: Python's caches, and what FetchLatestModel notes beside a model.
 */
const ALWAYS = ['**/.git', '.dockerignore', '**/__pycache__', '**/.*.model-delivery.json'];

/**
 * Reads a `.dockerignore` file as Docker does: a pattern a line, `**` for any number of folders, `!` brings back,
 * the last line that matches decides, and a pattern that matches a folder covers all below it.
 *
 * @throws DeliveryError `DOCKERIGNORE_INVALID`
 */
export function ignoreRules(text: string): IgnoreRules {
  const lines = text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    // Only what begins a line is a comment: a space before it makes it a name.
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim());
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
  const text = bringsBack ? line.slice(1).trim() : line;
  if (bringsBack && text === '') throw invalid(line);
  const pattern = cleaned(text);
  try {
    return pattern === '' ? undefined : { matches: regexOf(pattern), bringsBack };
  } catch {
    throw invalid(line);
  }
}

function invalid(line: string): DeliveryError {
  return new DeliveryError('DOCKERIGNORE_INVALID', {
    message: `The line ${JSON.stringify(line)} of .dockerignore is no pattern.`,
    remedy: 'Close its brackets, put a backslash before one that means itself, and a pattern behind each "!".',
  });
}

/** As Go's `filepath.Clean` makes it, without a slash at either end. */
function cleaned(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '..' && !pattern.startsWith('/') && (parts.length === 0 || parts.at(-1) === '..')) parts.push('..');
    else if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** The characters that mean something to a regular expression and nothing in a pattern. */
const PLAIN = /[.+()|{}$^/]/;

/** As moby/patternmatcher makes a regular expression of a pattern, with its ways of reading `**`. */
function regexOf(pattern: string): RegExp {
  // `**name` is whatever ends in the name, as long as nothing else in it is special.
  const ending = /^\*\*([^*?[\]\\]+)$/.exec(pattern)?.[1];
  if (ending?.startsWith('/') === false) return new RegExp(`${literal(ending)}$`, 'su');
  const source = pattern.replace(/\*\*\/?$|\*\*\/?|\*|\?|\\.|\\$|\[\^?[^\]]*\]|[^]/gu, (token, position: number) => {
    if (token.startsWith('**')) return position + token.length === pattern.length ? '.*' : '(?:.*/)?';
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    if (token === '\\') return '\\\\';
    if (token.startsWith('\\')) return literal(token.slice(1));
    return PLAIN.test(token) && token.length === 1 ? `\\${token}` : token;
  });
  return new RegExp(`^${source}$`, 'su');
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
