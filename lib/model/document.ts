import { DeliveryError, messageOf } from '../errors/delivery-error.ts';

/**
 * Reads a JSON document of the store field by field into types. Each method throws `MANIFEST_INVALID`, which says
 * where the document is and which field is wrong, so that what follows can trust it.
 */
export class DocumentReader {
  readonly #fields: Readonly<Record<string, unknown>>;
  /** Address of the document. */
  readonly #uri: string;
  /** Path of this object within the document, such as `files[3].`. */
  readonly #at: string;

  private constructor(value: unknown, uri: string, at: string) {
    this.#uri = uri;
    this.#at = at;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.invalid(at === '' ? 'is not a JSON object' : `has no object at ${at.replace(/\.$/, '')}`);
    }
    this.#fields = value as Readonly<Record<string, unknown>>;
  }

  static parse(text: string, uri: string): DocumentReader {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw manifestInvalid(uri, `is not JSON: ${messageOf(cause)}`, cause);
    }
    return new DocumentReader(value, uri, '');
  }

  text(name: string, form = /^/): string {
    const value = this.#fields[name];
    if (typeof value !== 'string' || !form.test(value)) throw this.#wrong(name);
    return value;
  }

  optionalText(name: string): string | undefined {
    return this.#fields[name] === undefined ? undefined : this.text(name);
  }

  /** A whole number that is not negative. */
  count(name: string): number {
    const value = this.#fields[name];
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw this.#wrong(name);
    return value;
  }

  number(name: string): number {
    const value = this.#fields[name];
    if (typeof value !== 'number') throw this.#wrong(name);
    return value;
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined;
  }

  object(name: string): DocumentReader {
    return new DocumentReader(this.#fields[name], this.#uri, `${this.#at}${name}.`);
  }

  list(name: string): readonly DocumentReader[] {
    const value = this.#fields[name];
    if (!Array.isArray(value)) throw this.#wrong(name);
    return value.map((item, index) => new DocumentReader(item, this.#uri, `${this.#at}${name}[${index}].`));
  }

  /** An object whose fields are all text. */
  texts(name: string): Readonly<Record<string, string>> {
    const object = this.object(name);
    return Object.fromEntries(Object.keys(object.#fields).map((key) => [key, object.text(key)]));
  }

  invalid(problem: string): DeliveryError {
    return manifestInvalid(this.#uri, problem);
  }

  #wrong(name: string): DeliveryError {
    return this.invalid(`has no usable ${this.#at}${name}`);
  }
}

function manifestInvalid(uri: string, problem: string, cause?: unknown): DeliveryError {
  return new DeliveryError('MANIFEST_INVALID', {
    message: `${uri} ${problem}.`,
    remedy: 'It was not written by PublishModel, or was changed since; publish the model again under another version.',
    cause,
  });
}
