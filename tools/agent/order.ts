// The order in which stages, or the jobs of one, run.

/** Something that waits for others by their names. */
export interface Dependent {
  readonly name: string;
  readonly dependsOn: readonly string[];
}

/**
 * Sorts so that everything comes after what it depends on, else in the order of the file.
 *
 * @param refuse called with one sentence for a name that does not exist or a circle; it throws
 */
export function inOrder<Item extends Dependent>(
  items: readonly Item[],
  refuse: (item: Item, problem: string) => never,
): readonly Item[] {
  for (const item of items) {
    const missing = item.dependsOn.find((name) => !items.some((other) => isNamed(other, name)));
    if (missing !== undefined) refuse(item, `${item.name} depends on ${missing}, which does not exist`);
  }
  const sorted: Item[] = [];
  while (sorted.length < items.length) {
    const next = items.find(
      (item) => !sorted.includes(item) && item.dependsOn.every((name) => sorted.some((other) => isNamed(other, name))),
    );
    if (next === undefined) {
      const stuck = items.filter((item) => !sorted.includes(item));
      const [first] = stuck;
      if (first === undefined) break;
      refuse(first, `${stuck.map(({ name }) => name).join(', ')} wait for one another`);
    } else {
      sorted.push(next);
    }
  }
  return sorted;
}

function isNamed(item: Dependent, name: string): boolean {
  return item.name.toLowerCase() === name.toLowerCase();
}
