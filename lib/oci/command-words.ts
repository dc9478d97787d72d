import { DeliveryError } from '../errors/delivery-error.ts';

/**
 * Reads a command as people write it: a JSON list of its words, or words with spaces between them where quotes keep a
 * word together. No shell runs: `$`, `;` and `|` mean themselves.
 *
 * @param input whose value it is, for the error
 * @throws DeliveryError `COMMAND_INVALID`
 */
export function commandWords(input: string, text: string): readonly string[] {
  return text.startsWith('[') ? fromJson(input, text) : fromText(input, text);
}

function fromJson(input: string, text: string): readonly string[] {
  try {
    const words: unknown = JSON.parse(text);
    if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words;
  } catch {
    // Said below.
  }
  throw invalid(input, 'begins with "[" but is no JSON list of texts');
}

function fromText(input: string, text: string): readonly string[] {
  const words: string[] = [];
  let rest = text.trim();
  while (rest !== '') {
    // A word: plain characters, 'single' and "double" quoted parts, and \x for x itself.
    const [word] = /^(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+/s.exec(rest) ?? [];
    if (word === undefined) throw invalid(input, `has a quote without its end: ${rest}`);
    words.push(unquoted(word));
    const after = rest.slice(word.length);
    if (after !== '' && !/^\s/.test(after)) throw invalid(input, `has a quote without its end: ${after}`);
    rest = after.trimStart();
  }
  return words;
}

function unquoted(word: string): string {
  return word.replace(
    /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/gs,
    (_, single?: string, double?: string, escaped?: string) =>
      single ?? double?.replace(/\\(["\\])/g, '$1') ?? escaped ?? '',
  );
}

function invalid(input: string, problem: string): DeliveryError {
  return new DeliveryError('COMMAND_INVALID', {
    message: `The input ${input} ${problem}.`,
    remedy:
      'Write words with spaces between them, quoted where they hold spaces, or a JSON list such as ["python3", "app.py"].',
  });
}
