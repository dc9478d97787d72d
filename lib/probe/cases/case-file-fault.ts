import type { TextPlace } from '../../errors/json-fault.ts';

/** Something in a case file that cannot be read, and where it stands. */
export class CaseFileFault extends Error {
  override readonly name = 'CaseFileFault';
  readonly place: TextPlace;

  constructor({ line, column }: TextPlace, problem: string) {
    super(problem);
    this.place = { line, column };
  }
}
