import picomatch from 'picomatch';

/**
 * Whether a tag is meant by patterns with `*`, `?`, `[…]` and `{…}`.
 *
 * @param include none: every tag
 */
export function tagFilter(include: readonly string[], exclude: readonly string[]): (tag: string) => boolean {
  const options = { nonegate: true, dot: true, windows: false };
  const wanted = include.map((pattern) => picomatch(pattern, options));
  const unwanted = exclude.map((pattern) => picomatch(pattern, options));
  return (tag) =>
    (wanted.length === 0 || wanted.some((matches) => matches(tag))) && !unwanted.some((matches) => matches(tag));
}
