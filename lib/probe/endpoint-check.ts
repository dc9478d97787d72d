import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { answered, Complaint, jsonOf, textOf, valueAt } from './answer.ts';
import { type JsonPath, parseJsonPath } from './json-path.ts';
import { clipped, type JsonValue, shown } from './json-value.ts';
import { type CheckResult, failed, passed } from './result.ts';
import { differenceOf, EXACTLY } from './same.ts';
import type { Answer, Reply, Service } from './service.ts';

/** What a `GET` is to answer. */
export interface EndpointCheck {
  /** The line that it was written in. */
  readonly text: string;
  readonly path: string;
  /** Undefined: any of 200 to 299. */
  readonly status: number | undefined;
  /** Whether it says something of the answer itself, beyond its status. */
  readonly expects: boolean;
  /** @throws Complaint where the answer is another */
  readonly judge: (answer: Answer) => void;
}

const LINE =
  /^(?<path>\/\S*)(?:\s+status\s+(?<status>\d{3})|\s+contains\s+(?<part>.+)|\s+matches\s+(?<pattern>.+)|\s+(?<json>\$.*?)\s*==\s*(?<value>.+))?$/;

/**
 * Reads a check: `/version` (answers with success), `/version status 200`, `/ contains healthy`, `/version matches ^v\d`,
 * `/version $.model == 7`. A value may be written as JSON or as plain text.
 *
 * @throws DeliveryError `CHECK_INVALID`
 */
export function parseEndpointCheck(line: string): EndpointCheck {
  const { path, status, part, pattern, json, value } = LINE.exec(line)?.groups ?? {};
  if (path === undefined) throw invalid(line, 'it is none of the forms that there are');
  // What the agent leaves in place is the name of a variable that is not set.
  const [macro] = /\$\([\w.]+\)/.exec(line) ?? [];
  if (macro !== undefined) throw invalid(line, `the variable ${macro} is not set`);
  const check = { text: line, path, status: status === undefined ? undefined : Number(status) };
  const expecting = (judge: EndpointCheck['judge']): EndpointCheck => ({ ...check, expects: true, judge });
  if (part !== undefined) return expecting(containing(part));
  if (pattern !== undefined) return expecting(matching(regularExpression(line, pattern)));
  if (json !== undefined && value !== undefined) return expecting(equalAt(jsonPath(line, json), value));
  return { ...check, expects: false, judge: accept };
}

/** Asks the service once for each path, one after the other, and judges the answers. */
export async function runEndpointChecks(
  checks: readonly EndpointCheck[],
  service: Service,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const replies = new Map<string, Reply>();
  for (const path of new Set(checks.map((check) => check.path))) {
    replies.set(path, await service({ method: 'GET', path }, signal));
  }
  return checks.flatMap((check) => {
    const reply = replies.get(check.path);
    return reply === undefined ? [] : [judged(check, reply)];
  });
}

function judged({ text, status, judge }: EndpointCheck, reply: Reply): CheckResult {
  const result = { kind: 'check', name: `GET ${text}`, milliseconds: reply.milliseconds } as const;
  try {
    judge(answered(reply, status));
    return passed(result);
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    return failed(result, error.message);
  }
}

function accept(): void {
  // The status has said it all.
}

function containing(part: string): EndpointCheck['judge'] {
  return (answer) => {
    const text = textOf(answer);
    if (!text.includes(part)) throw new Complaint(`answered “${clipped(text)}”, in which “${part}” does not occur`);
  };
}

function matching(pattern: RegExp): EndpointCheck['judge'] {
  return (answer) => {
    const text = textOf(answer);
    if (!pattern.test(text)) throw new Complaint(`answered “${clipped(text)}”, which does not match ${pattern.source}`);
  };
}

function equalAt(path: JsonPath, wanted: string): EndpointCheck['judge'] {
  const readings = [wanted, asJson(wanted)];
  return (answer) => {
    const value = valueAt(jsonOf(answer), path);
    const isSame = readings.some((reading) => differenceOf(value, reading, EXACTLY) === undefined);
    if (!isSame) throw new Complaint(`answered ${shown(value)} at ${path.text} instead of ${clipped(wanted)}`);
  };
}

function asJson(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

function regularExpression(line: string, pattern: string): RegExp {
  try {
    return new RegExp(pattern, 'mu');
  } catch (error) {
    throw invalid(line, messageOf(error));
  }
}

function jsonPath(line: string, path: string): JsonPath {
  try {
    return parseJsonPath(path);
  } catch (error) {
    throw invalid(line, messageOf(error));
  }
}

function invalid(line: string, problem: string): DeliveryError {
  return new DeliveryError('CHECK_INVALID', {
    message: `The check "${line}" cannot be read: ${problem}.`,
    remedy:
      'Write a path, and what is expected behind it: /version $.model == 7, / contains healthy, / matches ^ok, / status 200.',
  });
}
