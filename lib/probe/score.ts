import { answered, Complaint, jsonOf, valueAt } from './answer.ts';
import type { CaseFile } from './cases/case-file.ts';
import { encodeRequest } from './cases/embedded-files.ts';
import type { ScoreCase } from './cases/score-case.ts';
import { isList, isObject, type JsonValue, shown } from './json-value.ts';
import { type CheckResult, failed, passed } from './result.ts';
import { differenceOf } from './same.ts';
import type { Reply, Service } from './service.ts';

/** What came of one case. */
export interface CaseOutcome extends CheckResult {
  /** Whether the expected value came; undefined where none is expected or no answer could be judged. */
  readonly isRight: boolean | undefined;
  /** How far the answer is from the expected number; undefined where no number is expected or none came. */
  readonly error: number | undefined;
  /** Whether the case says which value is expected. */
  readonly countsForMetrics: boolean;
}

/** How cases are run. */
export interface Scoring {
  readonly path: string;
  readonly file: CaseFile;
  /** A value that is not the expected one makes the metrics worse and nothing else. */
  readonly wrongIsExcused: boolean;
  readonly onOutcome?: (outcome: CaseOutcome, index: number) => void;
}

/** Posts the cases one after the other and judges what is answered. */
export async function runCases(
  { path, file, wrongIsExcused, onOutcome }: Scoring,
  service: Service,
  signal: AbortSignal,
): Promise<readonly CaseOutcome[]> {
  const outcomes: CaseOutcome[] = [];
  for (const [index, scoreCase] of file.cases.entries()) {
    const reply = await post(service, path, scoreCase, file.folder, signal);
    const outcome = judged(scoreCase, reply, wrongIsExcused);
    onOutcome?.(outcome, index);
    outcomes.push(outcome);
  }
  return outcomes;
}

/** Sends the request of a case. */
async function post(
  service: Service,
  path: string,
  scoreCase: ScoreCase,
  folder: string,
  signal: AbortSignal,
): Promise<Reply> {
  const { contentType, body } = await encodeRequest(scoreCase, folder);
  return service({ method: 'POST', path, headers: { 'content-type': contentType }, body }, signal);
}

function judged(scoreCase: ScoreCase, reply: Reply, wrongIsExcused: boolean): CaseOutcome {
  const { name, expected } = scoreCase;
  const result = { kind: 'case', name, milliseconds: reply.milliseconds } as const;
  const unknown = { isRight: undefined, error: undefined, countsForMetrics: expected !== undefined };
  try {
    const answer = answered(reply, scoreCase.status);
    if (expected === undefined && scoreCase.assertions.length === 0) return { ...passed(result), ...unknown };
    const json = jsonOf(answer);
    for (const holds of scoreCase.assertions) holds(json, scoreCase.tolerance);
    if (expected === undefined) return { ...passed(result), ...unknown };
    const value = valueAt(json, scoreCase.answerPath);
    const problem = wrongness(value, expected, scoreCase);
    const known = { ...unknown, isRight: problem === undefined, error: distance(value, expected) };
    if (problem === undefined) return { ...passed(result), ...known };
    return { ...failed(result, problem), ...known, ...(wrongIsExcused ? { outcome: 'excused' } : {}) };
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    return { ...failed(result, error.message), ...unknown };
  }
}

function wrongness(value: JsonValue, expected: JsonValue, scoreCase: ScoreCase): string | undefined {
  const { answerPath, topK, tolerance } = scoreCase;
  const where = answerPath.text === '$' ? '' : ` at ${answerPath.text}`;
  if (topK === undefined) {
    const difference = differenceOf(value, expected, tolerance);
    return difference === undefined ? undefined : `answered ${shown(value)}${where}: ${difference}`;
  }
  const first = ranked(value)?.slice(0, topK);
  if (first === undefined)
    throw new Complaint(`answered ${shown(value)}${where}, which is no list to look for ${shown(expected)} in`);
  const isThere = first.some((item) => differenceOf(item, expected, tolerance) === undefined);
  return isThere ? undefined : `answered ${shown(first)}${where}: ${shown(expected)} is not among the first ${topK}`;
}

/** The items of a list in its order; of an object whose values are scores, its keys, best first. */
function ranked(value: JsonValue): readonly JsonValue[] | undefined {
  if (isList(value)) return value;
  if (!isObject(value)) return undefined;
  const scores = Object.entries(value).flatMap(([key, score]) => (typeof score === 'number' ? [{ key, score }] : []));
  return scores.sort((a, b) => b.score - a.score).map(({ key }) => key);
}

function distance(value: JsonValue, expected: JsonValue): number | undefined {
  return typeof value === 'number' && typeof expected === 'number' ? Math.abs(value - expected) : undefined;
}
