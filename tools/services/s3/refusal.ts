/** What the emulator answers instead of doing what it was asked for, in AWS's own words. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  /** Further elements of the error, such as `Region`. */
  readonly details: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, details: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }

  /** The elements of the error; what they stand in differs between S3 and its token service. */
  toXml(): string {
    return Object.entries({ Code: this.code, Message: this.message, ...this.details })
      .map(([name, value]) => `<${name}>${value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</${name}>`)
      .join('');
  }
}
