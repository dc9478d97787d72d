/** Shorter values, such as `1` or `yes`, stand in any text by chance. */
export const SHORTEST_SECRET = 4;

/** The lines of a secret that can be hidden, as a log shows it. */
export function hiddenLines(secret: string): readonly string[] {
  return secret
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter(({ length }) => length >= SHORTEST_SECRET);
}

/**
 * A text with `***` in place of every secret: as it is, line by line as a log shows it, and as JSON writes it. The agent
 * does this for the log alone, not for the files that a task has it upload.
 */
export function masked(text: string, secrets: Iterable<string>): string {
  const forms = [...secrets].flatMap((secret) => [secret, ...hiddenLines(secret), JSON.stringify(secret).slice(1, -1)]);
  // The longest first: a part of a secret that is hidden before the whole would leave the rest of it.
  const hidden = [...new Set(forms.map((form) => form.trim()))]
    .filter(({ length }) => length >= SHORTEST_SECRET)
    .sort((one, other) => other.length - one.length);
  return hidden.reduce((rest, form) => rest.replaceAll(form, '***'), text);
}
