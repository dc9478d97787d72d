import { messageOf } from './delivery-error.ts';

/** A place in a text, both counted from 1 as editors do. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** Where a text stops being JSON. The parser mostly does not say, so it is asked about beginnings of the text, by halves. */
export function jsonFault(text: string): TextPlace {
  let [sound, faulty] = [0, text.length + 1];
  while (faulty - sound > 1) {
    const middle = Math.floor((sound + faulty) / 2);
    if (isSoundBeginning(text.slice(0, middle))) sound = middle;
    else faulty = middle;
  }
  return placeAt(text, sound);
}

/** The line and column of a position. */
export function placeAt(text: string, position: number): TextPlace {
  const before = text.slice(0, position).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}

/** Whether a character that may stand nowhere, put at the end, is the first thing to be found wrong. */
function isSoundBeginning(text: string): boolean {
  try {
    JSON.parse(`${text}\u0001`);
    return true;
  } catch (error) {
    const message = messageOf(error);
    const [, position] = /at position (\d+)/.exec(message) ?? [];
    return position === undefined ? message.startsWith("Unexpected token '\u0001'") : Number(position) === text.length;
  }
}
