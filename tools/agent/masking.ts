// Keeps secrets out of everything that the agent prints or stores.

/** Shorter values would turn half of the log into asterisks; the real agent leaves them as well. */
const SHORTEST = 3;

/** Replaces every known secret by `***`, also where it stands escaped for JSON or a URL. */
export class SecretMasker {
  readonly #secrets = new Set<string>();
  #pattern: RegExp | undefined;

  /** From now on this value is hidden, and each line of it, because logs are read line by line. */
  add(value: string): void {
    for (const part of [value, ...value.split(/\r?\n/)]) {
      for (const form of formsOf(part.trim())) if (form.length >= SHORTEST) this.#secrets.add(form);
    }
    const longestFirst = [...this.#secrets].sort((a, b) => b.length - a.length);
    this.#pattern = longestFirst.length === 0 ? undefined : new RegExp(longestFirst.map(quoted).join('|'), 'g');
  }

  mask(text: string): string {
    return this.#pattern === undefined ? text : text.replace(this.#pattern, '***');
  }
}

function formsOf(secret: string): readonly string[] {
  if (secret.length < SHORTEST) return [];
  return [secret, JSON.stringify(secret).slice(1, -1), urlEscaped(secret), formEscaped(secret)];
}

function urlEscaped(secret: string): string {
  try {
    return encodeURIComponent(secret);
  } catch {
    // A lone surrogate cannot be escaped, and cannot stand in a URL either.
    return secret;
  }
}

function formEscaped(secret: string): string {
  return new URLSearchParams({ '': secret }).toString().slice(1);
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
