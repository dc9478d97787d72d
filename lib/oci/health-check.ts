import { DeliveryError } from '../errors/delivery-error.ts';
import { commandWords } from './command-words.ts';
import type { HealthCheck } from './image.ts';

/** Nanoseconds in each unit, as images count time. */
const UNITS: Readonly<Record<string, number>> = { h: 3.6e12, m: 6e10, s: 1e9, ms: 1e6 };
const DURATIONS = { interval: 'Interval', timeout: 'Timeout', 'start-period': 'StartPeriod' } as const;

/**
 * Reads a health check as a Dockerfile has it: `--interval=30s --timeout=3s --start-period=10s --retries=3 CMD curl -f
 * http://localhost:8000/` (for a shell, or a JSON list for none), or `NONE` to switch off the base's.
 *
 * @throws DeliveryError `HEALTH_CHECK_INVALID`, `COMMAND_INVALID`
 */
export function parseHealthCheck(text: string): HealthCheck {
  let rest = text.trim().replace(/^HEALTHCHECK\s+/i, '');
  const options: Partial<Record<string, number>> = {};
  for (let option = optionOf(rest); option !== undefined; option = optionOf(rest)) {
    options[option.name] = option.value;
    rest = rest.slice(option.length).trimStart();
  }
  if (/^none$/i.test(rest)) {
    if (Object.keys(options).length > 0) throw invalid('NONE takes no options');
    return { Test: ['NONE'] };
  }
  const [keyword = '', command = ''] = rest.split(/\s+(.*)/s);
  if (keyword.toUpperCase() !== 'CMD' || command === '')
    throw invalid('after its options it needs CMD and a command, or NONE');
  const test = command.startsWith('[') ? ['CMD', ...commandWords('healthCheck', command)] : ['CMD-SHELL', command];
  return { Test: test, ...options };
}

interface Option {
  /** As the image's configuration calls it. */
  readonly name: string;
  readonly value: number;
  /** Of the text that it takes, in characters. */
  readonly length: number;
}

function optionOf(text: string): Option | undefined {
  const [whole, name = '', value = ''] = /^--([\w-]+)(?:=(\S*))?/.exec(text) ?? [];
  if (whole === undefined) return undefined;
  if (name === 'retries') {
    if (!/^[1-9]\d{0,3}$/.test(value)) throw invalid('--retries needs a whole number from 1 on');
    return { name: 'Retries', value: Number(value), length: whole.length };
  }
  if (!isDuration(name)) throw invalid(`it has no option --${name}`);
  return { name: DURATIONS[name], value: nanoseconds(name, value), length: whole.length };
}

function isDuration(name: string): name is keyof typeof DURATIONS {
  return name in DURATIONS;
}

/** `1m30s` and the like, as Go writes durations. */
function nanoseconds(option: string, text: string): number {
  if (!/^(?:\d+(?:\.\d+)?(?:h|ms|m|s))+$/.test(text)) throw invalid(`--${option} needs a time such as 30s or 1m30s`);
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g);
  const sum = [...parts].reduce((total, [, count, unit = '']) => total + Number(count) * (UNITS[unit] ?? 0), 0);
  if (sum >= 1e6) return Math.round(sum);
  throw invalid(`--${option} is less than a millisecond`);
}

function invalid(problem: string): DeliveryError {
  return new DeliveryError('HEALTH_CHECK_INVALID', {
    message: `The input healthCheck cannot be read: ${problem}.`,
    remedy:
      'Write it as in a Dockerfile: --interval=30s --timeout=3s --retries=3 CMD curl -f http://localhost:8000/ or NONE.',
  });
}
