import { DeliveryError } from '../errors/delivery-error.ts';
import { type Baseline, readBaseline } from '../probe/baseline.ts';
import { readCaseFile } from '../probe/cases/case-file.ts';
import { parseEndpointCheck } from '../probe/endpoint-check.ts';
import { type JsonPath, JsonPathFault, parseJsonPath } from '../probe/json-path.ts';
import { type Limit, parseLimit } from '../probe/limits.ts';
import type { Probe, ProbeLoad } from '../probe/run-probe.ts';
import { EXACTLY, parseTolerance, type Tolerance } from '../probe/same.ts';
import type { Agent } from './agent.ts';
import { fullPath } from './working-folder.ts';

/** What a service is to answer. */
export type ServiceChecks = Omit<Probe, 'load'>;

/**
 * Reads `checks`, `scorePath`, `scoreCases`, `answerPath`, `topK`, `tolerance`, `minimumAccuracy` and `maximumError`, and the case file.
 *
 * @throws DeliveryError `INPUT_INVALID`, `CHECK_INVALID`, and what reading the case file throws
 */
export async function serviceChecks(agent: Agent): Promise<ServiceChecks> {
  const { inputs } = agent;
  const checks = inputs.lines('checks').map(parseEndpointCheck);
  const scorePath = pathOf('scorePath', inputs.text('scorePath'));
  const minimumAccuracy = inputs.optionalNumber('minimumAccuracy', { min: 0, max: 1 });
  const maximumError = inputs.optionalNumber('maximumError', { min: 0, max: Infinity });
  const cases = inputs.optionalText('scoreCases');
  const defaults = {
    answerPath: jsonPath('answerPath', inputs.optionalText('answerPath') ?? '$'),
    topK: inputs.optionalInteger('topK', { min: 1, max: 1_000_000 }),
    tolerance: tolerance('tolerance', inputs.optionalText('tolerance')),
  };
  const caseFile = cases === undefined ? undefined : await readCaseFile(fullPath(agent, cases), defaults);
  if (caseFile === undefined && (minimumAccuracy ?? maximumError) !== undefined) {
    throw invalid(
      'scoreCases',
      'is empty, so there is nothing to measure minimumAccuracy or maximumError by',
      'Give a case file.',
    );
  }
  return { checks, scorePath, caseFile, minimumAccuracy, maximumError };
}

/** How fast a service is to answer. */
export interface LatencyWishes {
  readonly load: ProbeLoad;
  readonly limits: readonly Limit[];
  readonly baseline: Baseline | undefined;
}

/**
 * Reads `latencyRequests`, `latencyConcurrency`, `latencyWarmUp`, `latencyLimits`, `baseline` and `baselinePercent`, and the baseline.
 *
 * @throws DeliveryError `INPUT_INVALID`, `LIMIT_INVALID`, `BASELINE_INVALID`
 */
export async function latencyWishes(agent: Agent): Promise<LatencyWishes> {
  const { inputs } = agent;
  return {
    load: {
      requests: inputs.integer('latencyRequests', { min: 0, max: 1_000_000 }),
      concurrency: inputs.integer('latencyConcurrency', { min: 1, max: 1_000 }),
      warmUp: inputs.integer('latencyWarmUp', { min: 0, max: 100_000 }),
    },
    limits: inputs.lines('latencyLimits').map(parseLimit),
    baseline: await baselineOf(agent),
  };
}

async function baselineOf(agent: Agent): Promise<Baseline | undefined> {
  const { inputs } = agent;
  const allowance = inputs.integer('baselinePercent', { min: 0, max: 10_000 }) / 100;
  const path = inputs.optionalText('baseline');
  if (path === undefined) return undefined;
  const measurements = await readBaseline(fullPath(agent, path));
  if (measurements !== undefined) return { measurements, allowance };
  agent.warn(`There is no baseline ${fullPath(agent, path)} yet, so latency is not compared with an earlier run.`);
  return undefined;
}

/**
 * Reads `requestHeaders`: headers that every request carries.
 *
 * @throws DeliveryError `INPUT_INVALID`
 */
export function serviceHeaders({ inputs }: Agent): Readonly<Record<string, string>> {
  const headers = inputs.lines('requestHeaders').map((line) => {
    const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):\s*(.+)$/.exec(line) ?? [];
    // The line may hold a secret, so it is not shown.
    if (name !== undefined && value !== undefined) return [name.toLowerCase(), value] as const;
    throw invalid('requestHeaders', 'has a line that is no header', 'Write each line as Name: value.');
  });
  return Object.fromEntries(headers);
}

function pathOf(name: string, path: string): string {
  if (path.startsWith('/')) return path;
  throw invalid(name, `is "${path}"`, 'Write a path that begins with /.');
}

function jsonPath(name: string, text: string): JsonPath {
  try {
    return parseJsonPath(text);
  } catch (error) {
    if (!(error instanceof JsonPathFault)) throw error;
    throw invalid(
      name,
      `cannot be read: ${error.message}`,
      'Write a JSON path such as $.result or $.predictions[0].label.',
    );
  }
}

function tolerance(name: string, text: string | undefined): Tolerance {
  const parsed = text === undefined ? EXACTLY : parseTolerance(text);
  if (parsed !== undefined) return parsed;
  throw invalid(name, `is "${text ?? ''}"`, 'Use a number such as 0.01, or a share such as 1 %.');
}

function invalid(name: string, problem: string, remedy: string): DeliveryError {
  return new DeliveryError('INPUT_INVALID', { message: `The input ${name} ${problem}.`, remedy });
}
