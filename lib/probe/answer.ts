import { messageOf } from '../errors/delivery-error.ts';
import type { JsonPath } from './json-path.ts';
import { clipped, type JsonValue, shown } from './json-value.ts';
import type { Answer, Reply } from './service.ts';

/** What is wrong with a reply: a clause whose subject is the request, such as `answered 500: “model not loaded”`. */
export class Complaint extends Error {
  override readonly name = 'Complaint';
}

/**
 * The answer, if it has the status that is wanted.
 *
 * @param status undefined: any of 200 to 299
 * @throws Complaint
 */
export function answered(reply: Reply, status: number | undefined): Answer {
  if (reply.kind !== 'answer') throw new Complaint(reply.why);
  const isWanted = status === undefined ? reply.status >= 200 && reply.status < 300 : reply.status === status;
  if (isWanted) return reply;
  const wanted = status === undefined ? '' : ` instead of ${status}`;
  const where = reply.location === undefined ? '' : `, a redirection to ${clipped(reply.location)}`;
  throw new Complaint(`answered ${reply.status}${wanted}${where}${saying(reply)}`);
}

/**
 * The JSON of an answer.
 *
 * @throws Complaint which tells a wrong content type, NaN and other text apart
 */
export function jsonOf(answer: Answer): JsonValue {
  const text = textOf(answer);
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    const [bare] = /(?<=[\s[,:]|^)(?:NaN|-?Infinity)(?=[\s\],}]|$)/.exec(text) ?? [];
    if (bare !== undefined) {
      throw new Complaint(`answered ${bare}, which JSON does not have: a calculation of the model went wrong`);
    }
    if (text.trim() === '') throw new Complaint('answered nothing, where JSON is expected');
    const type = answer.contentType ?? 'no content type';
    if (!/\bjson\b/i.test(type)) throw new Complaint(`answered with ${clipped(type)}, not JSON${saying(answer)}`);
    throw new Complaint(`answered with what is not JSON (${clipped(messageOf(error))})${saying(answer)}`);
  }
}

/**
 * The value at a path: of a path that may lead to several places, the list of all that are there.
 *
 * @throws Complaint where there is nothing, which names what there is
 */
export function valueAt(value: JsonValue, path: JsonPath): JsonValue {
  const found = path.find(value);
  const [first] = found;
  if (first === undefined) throw new Complaint(`answered ${shown(value)}, which has nothing at ${path.text}`);
  return path.isSingular ? first : found;
}

export function textOf({ body }: Answer): string {
  return body.toString('utf8').replace(/^\uFEFF/, '');
}

/** The beginning of an answer's text, for a message. */
function saying(answer: Answer): string {
  const text = clipped(textOf({ ...answer, body: answer.body.subarray(0, 4096) }));
  return text === '' ? '' : `: “${text}”`;
}
