import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** A line of a program may be this long, in characters; the rest of it is dropped. */
const LINE_LIMIT = 4_096;

/** Reads what a program prints, line by line, as a person would see it in a terminal that keeps no colours. */
export async function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(chunk as Buffer)).split('\n');
    rest = lines.pop() ?? '';
    // A line that never ends is cut already while it grows; its newest characters would say no more.
    if (rest.length > LINE_LIMIT * 4) rest = rest.slice(0, LINE_LIMIT * 2);
    for (const line of lines) onLine(shown(line));
  }
  rest += decoder.end();
  if (rest !== '') onLine(shown(rest));
}

/** Reads what a program prints as it is, up to a limit in characters; the rest is forgotten. */
export async function readText(stream: Readable, limit: number): Promise<string> {
  const decoder = new StringDecoder('utf8');
  let text = '';
  for await (const chunk of stream) if (text.length < limit) text += decoder.write(chunk as Buffer);
  return (text + decoder.end()).slice(0, limit);
}

/** What stays on the screen of a line: progress bars rewrite theirs by carriage returns. */
function shown(line: string): string {
  const plain = line.replace(ESCAPES, '');
  const last = plain.split('\r').findLast((part) => part !== '') ?? '';
  return last.length > LINE_LIMIT ? `${last.slice(0, LINE_LIMIT)}…` : last;
}

// Colours and movements of the cursor (ECMA-48, "Control Sequence Introducer").
// eslint-disable-next-line no-control-regex
const ESCAPES = /\u001b\[[0-?]*[ -/]*[@-~]/g;
