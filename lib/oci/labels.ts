/** Labels or annotations to put upon those of a base; undefined where what the base says under that name is true no more. */
export type AddedLabels = Readonly<Record<string, string | undefined>>;

/** What an image says when it is made of a base: what the base says, but for what is added or true no more. */
export function relabelled(
  base: Readonly<Record<string, string>> | null | undefined,
  added: AddedLabels,
): Readonly<Record<string, string>> {
  const merged: AddedLabels = { ...base, ...added };
  return Object.fromEntries(
    Object.entries(merged).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]])),
  );
}
