/** A refusal in Entra's words, with its number (https://learn.microsoft.com/entra/identity-platform/reference-error-codes). */
export class Refusal extends Error {
  readonly status: number;
  readonly error: string;
  readonly number: number;

  constructor(status: number, error: string, number: number, description: string) {
    super(`AADSTS${number}: ${description}`);
    this.status = status;
    this.error = error;
    this.number = number;
  }
}
