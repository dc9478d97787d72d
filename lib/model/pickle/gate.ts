import { DeliveryError } from '../../errors/delivery-error.ts';
import type { SourceFile } from '../source-files.ts';
import { type PickleFinding, type PickleScan, scanPickles } from './scan.ts';

/** What is done about pickles before they are published. */
export interface PicklePolicy {
  /** `fail`: a model with findings is not published; `warn`: it is, and they are told. */
  readonly onFinding: 'warn' | 'fail';
  /** Imports that are expected besides those of well-known libraries. */
  readonly allowed: readonly string[];
}

/** Findings that an error names. */
const NAMED = 5;

/**
 * Looks into a model's pickles.
 *
 * @throws DeliveryError `PICKLE_REFUSED` where something is found and the policy is to fail
 */
export async function checkPickles(
  files: readonly SourceFile[],
  { onFinding, allowed }: PicklePolicy,
  signal: AbortSignal,
): Promise<PickleScan> {
  const scan = await scanPickles(files, { allowed, signal });
  if (onFinding === 'fail' && scan.findings.length > 0) throw refused(scan.findings);
  return scan;
}

function refused(findings: readonly PickleFinding[]): DeliveryError {
  const named = findings.slice(0, NAMED).map(({ file, what }) => `${file} ${what}`);
  const more = findings.length > NAMED ? [`${findings.length - NAMED} more`] : [];
  return new DeliveryError('PICKLE_REFUSED', {
    message: `The model was not published, because loading it could run code: ${[...named, ...more].join('; ')}.`,
    remedy:
      'Save it in a format that holds numbers alone (safetensors, ONNX, npz); or, if you know that import, name it in pickleAllow.',
  });
}
