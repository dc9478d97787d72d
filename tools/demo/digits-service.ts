// The running service, as somebody who only has its address sees it.
import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';

/** What the service said, and which parts of it said so. */
export interface Answer {
  /** The digit that the model saw. */
  readonly result: number;
  /** From 0 to 1. */
  readonly confidence: number;
  readonly appCommit: string;
  readonly modelVersion: string;
  readonly pod: string;
}

/** Rows of pixels, each from 0 to 16. */
export type Picture = readonly (readonly number[])[];

const PATIENCE_MS = 15_000;
const SHADES = ' .:-=+*#%@';

async function json<Content>(url: string, init?: RequestInit): Promise<Content> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as Content;
}

async function ask(address: string, picture: Picture): Promise<Answer> {
  const { result, confidence } = await json<{ result: number; confidence: number }>(`http://${address}/score`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ input: picture }),
  });
  const { app, model, pod } = await json<{ app: string; model: string; pod: string }>(`http://${address}/version`);
  return { result, confidence, appCommit: app, modelVersion: model, pod };
}

/**
 * Asks the service what a picture shows. Load balancers need a moment to learn of new pods, so it asks again
 * until the wanted model answers. Throws {@link DeliveryError} `DEMO_WRONG_ANSWER` if none does in 15 seconds.
 */
export async function askFor(modelVersion: string, address: string, picture: Picture): Promise<Answer> {
  const until = performance.now() + PATIENCE_MS;
  let last: string;
  do {
    try {
      const answer = await ask(address, picture);
      if (answer.modelVersion === modelVersion) return answer;
      last = `model ${answer.modelVersion} of pod ${answer.pod} answered`;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await sleep(250);
  } while (performance.now() < until);
  throw new DeliveryError('DEMO_WRONG_ANSWER', {
    message: `http://${address} does not serve model ${modelVersion}: ${last}.`,
    remedy: 'Look at the pods: their log says whether they run.',
  });
}

/** A picture as characters, two for each pixel since these are half as wide as high. */
export function drawn(picture: Picture): readonly string[] {
  return picture.map((row) =>
    row.map((pixel) => (SHADES[Math.round((pixel / 16) * (SHADES.length - 1))] ?? ' ').repeat(2)).join(''),
  );
}
