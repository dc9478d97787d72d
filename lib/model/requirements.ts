import { DeliveryError } from '../errors/delivery-error.ts';
import type { ResolvedModel } from './resolved-model.ts';

const DAY = 24 * 60 * 60_000;

/** What a model must be like to be used. */
export interface Requirements {
  /** Undefined: as old as it likes. */
  readonly maxAgeDays: number | undefined;
  readonly properties: readonly PropertyRequirement[];
  /** `fail`: a model that does not meet them is not fetched; `warn`: it is, with a warning. */
  readonly onUnmet: 'fail' | 'warn';
}

/** What a property must be, such as `accuracy>=0.9`. */
export interface PropertyRequirement {
  readonly property: string;
  readonly operator: Operator;
  readonly value: string;
}

type Operator = keyof typeof HOLDS;

const HOLDS = {
  '>=': (a: number, b: number) => a >= b,
  '<=': (a: number, b: number) => a <= b,
  '!=': (a: number, b: number) => a !== b,
  '>': (a: number, b: number) => a > b,
  '<': (a: number, b: number) => a < b,
  '=': (a: number, b: number) => a === b,
} as const;

const REQUIREMENT = /^([^<>=!]+?)\s*(>=|<=|!=|>|<|==?)\s*([^<>=!\s].*)$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/**
 * Reads a line such as `accuracy>=0.9`, `latency_ms < 20` or `dataset=optdigits`. Texts can only be equal or not.
 *
 * @throws DeliveryError `REQUIREMENT_INVALID`
 */
export function propertyRequirement(line: string): PropertyRequirement {
  const [, property = '', sign = '', value = ''] = REQUIREMENT.exec(line.trim()) ?? [];
  const operator = (sign === '==' ? '=' : sign) as Operator;
  if (property !== '' && (NUMBER.test(value) || operator === '=' || operator === '!=')) {
    return { property, operator, value };
  }
  throw new DeliveryError('REQUIREMENT_INVALID', {
    message: `${JSON.stringify(line)} does not say what a property must be.`,
    remedy: 'Write a property, one of >= > <= < = != and a number, such as accuracy>=0.9.',
  });
}

/**
 * Compares a model with what is required of it, before a byte of it is read.
 *
 * @returns warnings, where that is all that was asked for
 * @throws DeliveryError `REQUIREMENTS_UNMET`
 */
export function checkRequirements(
  model: Pick<ResolvedModel, 'name' | 'version' | 'created' | 'properties'>,
  requirements: Requirements,
  now: Date,
): readonly string[] {
  const problems = [
    ...ageProblems(model.created, requirements.maxAgeDays, now),
    ...requirements.properties.flatMap((requirement) => propertyProblems(model.properties, requirement)),
  ];
  if (problems.length === 0) return [];
  const message = `${model.name} ${model.version} is not what is required: ${problems.join('; ')}.`;
  if (requirements.onUnmet === 'warn') return [message];
  throw new DeliveryError('REQUIREMENTS_UNMET', {
    message,
    remedy: 'Publish a model that meets maxAgeDays and minimumProperties, choose another, or set onUnmet to warn.',
  });
}

function ageProblems(created: Date, maxAgeDays: number | undefined, now: Date): readonly string[] {
  const age = (now.getTime() - created.getTime()) / DAY;
  return maxAgeDays === undefined || age <= maxAgeDays
    ? []
    : [`it is of ${created.toISOString()}, ${age.toFixed(1)} days old and not at most ${maxAgeDays}`];
}

function propertyProblems(
  properties: ResolvedModel['properties'],
  { property, operator, value }: PropertyRequirement,
): readonly string[] {
  const found = Object.hasOwn(properties, property) ? properties[property]?.trim() : undefined;
  const wanted = `and not ${operator} ${value}`;
  if (found === undefined) return [`its property ${property} is not set ${wanted}`];
  if (!NUMBER.test(value)) {
    return (found === value) === (operator === '=')
      ? []
      : [`its property ${property} is ${JSON.stringify(found)} ${wanted}`];
  }
  if (!NUMBER.test(found))
    return [`its property ${property} is ${JSON.stringify(found)}, which is no number, ${wanted}`];
  return HOLDS[operator](Number(found), Number(value)) ? [] : [`its property ${property} is ${found} ${wanted}`];
}
