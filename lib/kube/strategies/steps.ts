import { DeliveryError } from '../../errors/delivery-error.ts';

/**
 * Reads the steps of a canary, such as `10,50,100`: percent of the stable version's pods, growing.
 *
 * @throws DeliveryError `INPUT_INVALID`
 */
export function parseSteps(text: string): readonly number[] {
  const steps = text.split(',').map((step) => step.trim().replace(/\s*%$/, ''));
  const numbers = steps.map(Number);
  const isGrowing = numbers.every((step, index) => step > (numbers[index - 1] ?? 0));
  if (!isGrowing || numbers.some((step) => step > 100) || !steps.every((step) => /^\d+$/.test(step))) {
    throw new DeliveryError('INPUT_INVALID', {
      message: `The input steps is "${text}".`,
      remedy: 'Give whole numbers from 1 to 100 that grow, separated by commas, such as 10,50,100.',
    });
  }
  return numbers;
}

/**
 * How many pods of the new version a step has. They stand beside the stable ones, of which none is taken away, so that
 * going back needs no capacity that is not there.
 *
 * @param percent of the stable pods, from 1 to 100
 * @param stable pods of the stable version, as many as it has at this moment
 */
export function canaryPods(percent: number, stable: number): number {
  return Math.max(1, Math.ceil((percent * stable) / 100));
}

/** Percent of the requests that reach the new version, while a Service spreads them evenly over all pods. */
export function shareOfRequests(canary: number, stable: number): number {
  return canary === 0 ? 0 : Math.round((100 * canary) / (canary + stable));
}
