import { type EmbeddedArray, embeddedArray } from './array-wrapper.ts';
import { type Act, type ArgumentValue, BrokenPickle, PickleBeyondLimits, PickleMachine } from './machine.ts';
import { type Argument, opcodeOf } from './opcodes.ts';
import { LONGEST_TEXT } from './values.ts';

/** Longer lines and texts are passed over: they are data, no names. */
const LONGEST_LINE = 64 * 1024;
/** Pickles in pickles in pickles: nobody has a good reason. */
const DEEPEST = 4;

/** More different acts than any model has. */
const MOST_ACTS = 10_000;

/** How far a pickle was read. */
export type PickleState = 'reading' | 'stopped' | 'broken';

/** Whether bytes begin as pickles of protocol 2 and later do. */
export function beginsAsPickle(bytes: Uint8Array): boolean {
  const [proto, version, next] = bytes;
  if (proto !== 0x80 || version === undefined || version > 5) return false;
  return next === undefined || opcodeOf(next) !== undefined;
}

/**
 * Reads one pickle from pieces as they come, with memory that does not grow with it. What it would import and call is reported; pickles within
 * its byte strings, and the arrays that joblib writes between its opcodes, are followed.
 */
export class PickleStream {
  readonly #machine: PickleMachine;
  readonly #report: (act: Act) => void;
  readonly #depth: number;
  #state: PickleState = 'reading';
  #why = 'it ends before its end';
  #rest: Buffer = Buffer.alloc(0);
  /** Takes all bytes until it has had enough. */
  #passage: Passage | undefined;

  constructor(report: (act: Act) => void, depth = 0, bottomless = false) {
    this.#report = report;
    this.#depth = depth;
    this.#machine = new PickleMachine(report, { bottomless });
  }

  get state(): PickleState {
    return this.#state;
  }

  /** Why it cannot be read, where it cannot. */
  get why(): string {
    return this.#why;
  }

  /** Calls of imports so far. */
  get calls(): number {
    return this.#machine.calls;
  }

  /** Bytes that are still to come, at the least, of the value that it is in the middle of. */
  get missing(): number {
    return this.#passage?.missing ?? 0;
  }

  /** Takes the next piece. Returns what is left of it once the pickle has ended. */
  feed(piece: Buffer): Buffer {
    let bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    this.#rest = Buffer.alloc(0);
    try {
      while (this.#state === 'reading') {
        if (this.#passage !== undefined) {
          const passage = this.#passage;
          bytes = bytes.subarray(passage.feed(bytes));
          if (!passage.done) return bytes;
          passage.end();
          this.#passage = undefined;
        }
        const used = this.#step(bytes);
        if (used === 0) {
          // The rest of an opcode is still to come.
          this.#rest = Buffer.from(bytes);
          return Buffer.alloc(0);
        }
        bytes = bytes.subarray(used);
      }
    } catch (error) {
      if (!(error instanceof BrokenPickle)) throw error;
      this.#state = 'broken';
      this.#why = error.message;
      if (error instanceof PickleBeyondLimits) this.#report({ act: 'beyond limits', why: error.message });
    }
    return bytes;
  }

  /** No more is to come. */
  end(): void {
    this.#passage?.end();
    if (this.#state === 'reading') this.#state = 'broken';
  }

  /** Takes one opcode with its argument; 0 where not all of it is there yet. */
  #step(bytes: Buffer): number {
    const [byte] = bytes;
    if (byte === undefined) return 0;
    const opcode = opcodeOf(byte);
    if (opcode === undefined) throw new BrokenPickle(`the byte 0x${byte.toString(16)} is no opcode`);
    const read = this.#argument(opcode.argument, bytes);
    if (read === undefined) return 0;
    this.#machine.run(opcode.name, read.value);
    if (opcode.name === 'STOP') this.#state = 'stopped';
    if (opcode.name === 'BUILD') this.#passage = this.#arrayPassage(embeddedArray(this.#machine.top));
    return 1 + read.length;
  }

  #argument(argument: Argument, bytes: Buffer): { readonly value: ArgumentValue; readonly length: number } | undefined {
    if (argument === 'none') return { value: undefined, length: 0 };
    if ('lines' in argument) return this.#lines(argument.lines, bytes);
    if ('bytes' in argument) {
      const length = argument.bytes;
      if (bytes.length < 1 + length) return undefined;
      return { value: length > 4 ? undefined : bytes.readUIntLE(1, length), length };
    }
    const width = argument.counted;
    if (bytes.length < 1 + width) return undefined;
    const count = width === 8 ? Number(bytes.readBigUInt64LE(1)) : bytes.readUIntLE(1, width);
    if (argument.content !== 'text' || count > LONGEST_TEXT) {
      this.#passage = argument.content === 'bytes' ? this.#nested(count) : new Passage(count);
      return { value: undefined, length: width };
    }
    if (bytes.length < 1 + width + count) return undefined;
    return { value: bytes.toString('utf8', 1 + width, 1 + width + count), length: width + count };
  }

  #lines(count: 1 | 2, bytes: Buffer): { readonly value: ArgumentValue; readonly length: number } | undefined {
    const first = bytes.indexOf(0x0a, 1);
    const last = count === 1 || first < 0 ? first : bytes.indexOf(0x0a, first + 1);
    if (last < 0) {
      if (bytes.length <= LONGEST_LINE) return undefined;
      this.#passage = new LinesPassage(count);
      return { value: undefined, length: 0 };
    }
    if (last > (count === 1 ? LONGEST_LINE : LONGEST_TEXT)) return { value: undefined, length: last };
    const line = bytes.toString(count === 1 ? 'latin1' : 'utf8', 1, first);
    return { value: count === 1 ? line : [line, bytes.toString('utf8', first + 1, last)], length: last };
  }

  #nested(count: number): Passage {
    return this.#depth >= DEEPEST ? new Passage(count) : new NestedPassage(count, this.#report, this.#depth + 1);
  }

  #arrayPassage(array: EmbeddedArray | undefined): Passage | undefined {
    if (array === undefined) return undefined;
    if (array.kind === 'bytes') return new ArrayPassage(array, this.#report);
    if (array.kind === 'unknown') throw new PickleBeyondLimits('the length of an array in it cannot be told');
    if (this.#depth >= DEEPEST) throw new PickleBeyondLimits('it holds pickles within pickles within pickles');
    return new PicklePassage(new PickleStream(this.#report, this.#depth + 1));
  }
}

/** The acts of bytes of which it is not known yet whether they are a pickle: each once, as many as there are. */
class Acts {
  readonly #acts = new Map<string, Act>();

  readonly add = (act: Act): void => {
    if (this.#acts.size < MOST_ACTS) this.#acts.set(JSON.stringify(act), act);
    else this.#acts.set('beyond limits', { act: 'beyond limits', why: 'it imports more than any model' });
  };

  get goBeyondLimits(): boolean {
    return [...this.#acts.values()].some(({ act }) => act === 'beyond limits');
  }

  reportTo(report: (act: Act) => void): void {
    for (const act of this.#acts.values()) report(act);
  }
}

/** Bytes that are no opcodes. */
class Passage {
  protected left: number;

  constructor(count: number) {
    this.left = count;
  }

  get done(): boolean {
    return this.left === 0;
  }

  get missing(): number {
    return this.left;
  }

  /** Takes what belongs to it and returns how much that was. */
  feed(bytes: Buffer): number {
    let used = 0;
    // It may turn out longer than it was said to be.
    while (this.left > 0 && used < bytes.length) {
      const some = bytes.subarray(used, used + this.left);
      used += some.length;
      this.left -= some.length;
      this.see?.(some);
    }
    return used;
  }

  end(): void {
    // Nothing is to be told.
  }

  /** Looks at the bytes as they go by. */
  protected see?(bytes: Buffer): void;
}

/** Text that is too long to matter, to the end of its last line. */
class LinesPassage extends Passage {
  override feed(bytes: Buffer): number {
    let used = 0;
    while (this.left > 0) {
      const end = bytes.indexOf(0x0a, used);
      if (end < 0) return bytes.length;
      this.left -= 1;
      used = end + 1;
    }
    return used;
  }
}

/** A byte string, which may be a pickle of its own. */
class NestedPassage extends Passage {
  readonly #acts = new Acts();
  readonly #report: (act: Act) => void;
  readonly #stream: PickleStream;
  #begin: Buffer | undefined = Buffer.alloc(0);
  #isPickle = false;

  constructor(count: number, report: (act: Act) => void, depth: number) {
    super(count);
    this.#report = report;
    this.#stream = new PickleStream(this.#acts.add, depth);
  }

  override end(): void {
    this.#decide();
    // Numbers that happen to begin like one break soon; what was read to its end or has called something is one.
    if (this.#stream.state === 'stopped' || this.#stream.calls > 0 || this.#acts.goBeyondLimits)
      this.#acts.reportTo(this.#report);
  }

  protected override see(bytes: Buffer): void {
    if (this.#begin !== undefined) {
      this.#begin = Buffer.concat([this.#begin, bytes]);
      if (this.#begin.length >= 3) this.#decide();
    } else if (this.#isPickle && this.#stream.state === 'reading') this.#stream.feed(bytes);
  }

  #decide(): void {
    const begin = this.#begin;
    if (begin === undefined) return;
    this.#begin = undefined;
    this.#isPickle = beginsAsPickle(begin);
    if (this.#isPickle) this.#stream.feed(begin);
  }
}

/** An array of objects, which is a pickle. */
class PicklePassage extends Passage {
  readonly #stream: PickleStream;

  constructor(stream: PickleStream) {
    super(1);
    this.#stream = stream;
  }

  override feed(bytes: Buffer): number {
    const rest = this.#stream.feed(bytes);
    if (this.#stream.state === 'broken') throw new BrokenPickle(`an array of objects in it: ${this.#stream.why}`);
    if (this.#stream.state === 'stopped') this.left = 0;
    return bytes.length - rest.length;
  }
}

/** Numbers of an array. A plain unpickler, which does not know joblib's way, would take them for opcodes: so they are looked at as such as well. */
class ArrayPassage extends Passage {
  readonly #report: (act: Act) => void;
  readonly #acts = new Acts();
  readonly #stream = new PickleStream(this.#acts.add, DEEPEST, true);
  #padding: boolean;

  constructor({ length, padded }: { readonly length: number; readonly padded: boolean }, report: (act: Act) => void) {
    super(length + Number(padded));
    this.#padding = padded;
    this.#report = report;
  }

  override end(): void {
    if (this.#stream.calls > 0 || this.#acts.goBeyondLimits) this.#acts.reportTo(this.#report);
  }

  protected override see(bytes: Buffer): void {
    const [first] = bytes;
    if (this.#padding && first !== undefined) {
      this.left += first;
      this.#padding = false;
    }
    if (this.#stream.state === 'reading') this.#stream.feed(bytes);
  }
}
