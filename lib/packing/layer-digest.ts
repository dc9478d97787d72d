import { createHash } from 'node:crypto';
import { type Layer, sizeOf } from './layer.ts';

/** What a registry and a model's `model.json` know a layer by. */
export interface LayerIdentity {
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
}

/**
 * Computes a layer's digest while the content of its files streams by on its way to somewhere else, so that whoever
 * reads the files anyway need not read them twice. Feed it the bytes of `layer.files`, in that order, without a break
 * between files; headers and padding it knows itself.
 */
export class LayerDigest {
  readonly #layer: Layer<unknown>;
  readonly #hash = createHash('sha256');
  #segment = 0;
  /** Content bytes that the current segment still waits for. */
  #missing = 0;

  constructor(layer: Layer<unknown>) {
    this.#layer = layer;
    this.#skipKnown();
  }

  /** Takes the next content bytes of the layer's files. */
  update(content: Uint8Array): void {
    let rest = content;
    while (rest.length > 0) {
      if (this.#missing === 0) throw new RangeError('more content than the files of the layer were listed with');
      const part = rest.subarray(0, this.#missing);
      this.#hash.update(part);
      this.#missing -= part.length;
      rest = rest.subarray(part.length);
      if (this.#missing === 0) this.#advance();
    }
  }

  /** The layer's identity, once all content has been given. */
  finish(): LayerIdentity {
    if (this.#missing > 0) throw new RangeError(`${this.#missing} bytes of a file are missing`);
    return { digest: `sha256:${this.#hash.digest('hex')}`, size: this.#layer.size };
  }

  #advance(): void {
    this.#segment += 1;
    this.#skipKnown();
  }

  #skipKnown(): void {
    for (; this.#segment < this.#layer.segments.length; this.#segment += 1) {
      const segment = this.#layer.segments[this.#segment];
      if (segment === undefined) return;
      if (segment.type === 'content') {
        this.#missing = sizeOf(segment);
        return;
      }
      this.#hash.update(segment.bytes);
    }
  }
}
