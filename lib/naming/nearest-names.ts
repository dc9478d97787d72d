/** Names that an error message suggests at most. */
const SUGGESTIONS = 5;
/** Candidates looked at: a message need not read a whole store. */
const CANDIDATES = 5000;

/** The names most like a wanted one, best first, for error messages. */
export async function nearestNames(
  wanted: string,
  candidates: AsyncIterable<string> | Iterable<string>,
): Promise<readonly string[]> {
  const names = new Set<string>();
  for await (const name of candidates) {
    names.add(name);
    if (names.size >= CANDIDATES) break;
  }
  const grams = bigrams(wanted);
  return [...names]
    .map((name) => ({ name, likeness: likeness(grams, bigrams(name)) }))
    .sort((a, b) => b.likeness - a.likeness || (a.name < b.name ? -1 : 1))
    .slice(0, SUGGESTIONS)
    .map(({ name }) => name);
}

/** Share of letter pairs that two texts have in common (Dice's coefficient). */
function likeness(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const common = [...a].filter((gram) => b.has(gram)).length;
  return a.size + b.size === 0 ? 0 : (2 * common) / (a.size + b.size);
}

function bigrams(text: string): ReadonlySet<string> {
  const folded = text.toLowerCase();
  return new Set(Array.from({ length: Math.max(0, folded.length - 1) }, (_, index) => folded.slice(index, index + 2)));
}
