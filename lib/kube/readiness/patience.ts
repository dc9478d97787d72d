import type { Symptom, Verdict } from './verdict.ts';

/** Remembers since when each trouble lasts, and says when one has lasted too long. */
export class Patience {
  readonly #since = new Map<string, number>();

  /**
   * The symptom that ends the wait, if one does.
   *
   * @param now milliseconds on any clock that only moves forward
   */
  exhaustedBy(verdicts: readonly Verdict[], now: number): Symptom | undefined {
    const symptoms = verdicts.flatMap((verdict) => (verdict.state === 'waiting' ? verdict.symptoms : []));
    const present = new Set(symptoms.map(({ key }) => key));
    for (const key of this.#since.keys()) if (!present.has(key)) this.#since.delete(key);
    for (const key of present) if (!this.#since.has(key)) this.#since.set(key, now);
    // What shows no symptom and is not ready is still coming up; something else may be waiting for it.
    const othersComing = verdicts.some((verdict) => verdict.state === 'waiting' && verdict.symptoms.length === 0);
    return symptoms.find(
      ({ key, graceMs, patient = false }) =>
        now - (this.#since.get(key) ?? now) >= graceMs && !(patient && othersComing),
    );
  }
}
