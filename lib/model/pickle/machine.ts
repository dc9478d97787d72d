import { COMPUTED, LONGEST_TEXT, MOST_ITEMS, OTHER, type Value } from './values.ts';

/** More than any real model has on its stack or in its memo; what goes beyond is made to exhaust whoever reads it. */
const MOST_VALUES = 20_000_000;

/** What a pickle does that may harm. */
export type Act =
  | { readonly act: 'import'; readonly module: string; readonly name: string }
  /** An import whose name is made while loading, so that nobody can tell what it is. */
  | { readonly act: 'computed import' }
  /** A call of something that is not an import but the outcome of another call. */
  | { readonly act: 'computed call' }
  /** Something is set in, or added to, an imported function, class, module or object of one. */
  | { readonly act: 'changed import'; readonly module: string; readonly name: string }
  /** An entry of the registry that another program has filled. */
  | { readonly act: 'extension' }
  /** It is read no further, though an unpickler may read on. */
  | { readonly act: 'beyond limits'; readonly why: string };

/** A pickle that no unpickler could read on. */
export class BrokenPickle extends Error {
  override readonly name: string = 'BrokenPickle';
}

/** A pickle that goes further than any model, and is followed no further. Others may read on, so that this is no sign of harmless bytes. */
export class PickleBeyondLimits extends BrokenPickle {
  override readonly name = 'PickleBeyondLimits';
}

/** The argument of an opcode. Undefined stands for one that is too long to matter. */
export type ArgumentValue = string | number | readonly [string, string] | undefined;

/**
 * Goes through a pickle as an unpickler does, but imports and calls nothing: it only keeps track of what would be imported and called. The
 * stack and the memo are followed as Python follows them, since whoever guesses at them instead can be misled.
 */
export class PickleMachine {
  readonly #stack: Value[] = [];
  /** How many values lie below each mark. As before Python 3.6, whatever takes single values may reach below one. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number | string, Value>();
  readonly #report: (act: Act) => void;
  /** Takes what is missing on the stack for something unknown. */
  readonly #bottomless: boolean;
  #calls = 0;

  constructor(report: (act: Act) => void, { bottomless = false }: { readonly bottomless?: boolean } = {}) {
    this.#report = report;
    this.#bottomless = bottomless;
  }

  /** Calls of imports so far. */
  get calls(): number {
    return this.#calls;
  }

  /** The value on top. */
  get top(): Value | undefined {
    return this.#stack.at(-1);
  }

  /** @throws BrokenPickle */
  run(opcode: string, argument: ArgumentValue): void {
    const effect = EFFECTS[opcode];
    if (effect === undefined) throw new BrokenPickle(`the opcode ${opcode} is not known`);
    effect(this, argument);
    if (this.#stack.length + this.#marks.length + this.#memo.size > MOST_VALUES)
      throw new PickleBeyondLimits('it holds more values than any model');
  }

  push(value: Value): void {
    this.#stack.push(value);
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  pop(): Value {
    const value = this.#stack.pop();
    if (value === undefined && !this.#bottomless)
      throw new BrokenPickle('an opcode takes more from the stack than is there');
    return value ?? OTHER;
  }

  /** Removes what lies above the last mark, and the mark. */
  popToMark(): readonly Value[] {
    const at = this.#marks.pop();
    if (at === undefined && !this.#bottomless) throw new BrokenPickle('an opcode wants a mark that is not there');
    return this.#stack.splice(at ?? 0);
  }

  /** POP takes a mark as well. */
  drop(): void {
    if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
    else this.pop();
  }

  keep(place: number | string): void {
    const value = this.top;
    if (value === undefined && !this.#bottomless) throw new BrokenPickle('there is nothing to keep');
    this.#memo.set(place, value ?? OTHER);
  }

  /** MEMOIZE: the next place is the number of places taken. */
  memoize(): void {
    this.keep(this.#memo.size);
  }

  recall(place: number | string): void {
    const value = this.#memo.get(place);
    if (value === undefined && !this.#bottomless) throw new BrokenPickle('it refers to a value that it never kept');
    this.push(value ?? OTHER);
  }

  import(module: string, name: string): void {
    this.#report({ act: 'import', module, name });
    this.push({ kind: 'import', module, name });
  }

  importOf(module: Value, name: Value): void {
    if (module.kind === 'text' && name.kind === 'text') {
      this.import(module.text, name.text);
      return;
    }
    this.#report({ act: 'computed import' });
    this.push(COMPUTED);
  }

  extension(): void {
    this.#report({ act: 'extension' });
    this.push(OTHER);
  }

  call(of: Value, args: Value): void {
    if (of.kind === 'import' || of === COMPUTED) this.#calls += 1;
    else this.#report({ act: 'computed call' });
    this.push({ kind: 'made', of, args, state: OTHER });
  }

  build(state: Value): void {
    const target = this.top;
    if (target === undefined && !this.#bottomless) throw new BrokenPickle('a state belongs to nothing');
    this.change();
    if (target?.kind === 'made') target.state = state;
  }

  /** What is on top changes. */
  change(): void {
    const target = this.top;
    if (target?.kind === 'import') this.#report({ act: 'changed import', module: target.module, name: target.name });
  }

  setItem(key: Value, value: Value): void {
    const table = this.top;
    if (table?.kind !== 'table') return;
    // What nobody can read may be any of the names.
    if (key.kind !== 'text') table.entries.clear();
    else if (table.entries.has(key.text) || table.entries.size < MOST_ITEMS) table.entries.set(key.text, value);
  }
}

type Effect = (machine: PickleMachine, argument: ArgumentValue) => void;

const other: Effect = (machine) => machine.push(OTHER);
const nothing: Effect = () => undefined;
const text: Effect = (machine, argument) =>
  machine.push(
    typeof argument === 'string' && argument.length <= LONGEST_TEXT ? { kind: 'text', text: argument } : OTHER,
  );
/** Escapes may spell anything, so that such a text names nothing that could be trusted. */
const unescaped: Effect = (machine, argument) =>
  text(machine, typeof argument === 'string' && argument.includes('\\') ? undefined : argument);
const number: Effect = (machine, argument) =>
  machine.push(typeof argument === 'number' ? { kind: 'number', number: argument } : OTHER);

// Python's grammar of numbers is written down generously: what is refused here and not there would hide all that comes behind it.
/** In any base, with underscores. */
const INTEGER = /^[+-]?(?:0[xob])?[\da-f_]*L?$/i;
const REAL = /^(?:[+-]?(?:nan(?:\(\w*\))?|inf(?:inity)?)|[\da-fxp._+-]*)$/i;
/** Of these alone the value is known: one that begins with 0 is octal to some. */
const PLAIN_INTEGER = /^-?(?:0|[1-9]\d*)L?$/;

/** What Python reads of a number's line: C's texts end at a byte 0. */
function numeral(argument: ArgumentValue): string {
  return (String(argument).split('\0', 1)[0] ?? '').trim();
}

/** A number as a line of digits. */
const numberLine: Effect = (machine, argument) => {
  const line = numeral(argument);
  if (argument !== undefined && !INTEGER.test(line)) throw new BrokenPickle('a number is none');
  machine.push(PLAIN_INTEGER.test(line) ? { kind: 'number', number: Number(line.replace('L', '')) } : OTHER);
};

/** A place in the memo. Many spellings may stand for one; to Python 2, any text does. */
const place = (argument: ArgumentValue): number | string => {
  if (typeof argument === 'number') return argument;
  if (argument === undefined) throw new PickleBeyondLimits('a place in its memo has no end');
  const [, digits] = /^\+?(\d[\d_]*)$/.exec(numeral(argument)) ?? [];
  const index = Number(digits?.replaceAll('_', ''));
  return Number.isSafeInteger(index) ? index : String(argument);
};

function tupleOf(items: readonly Value[]): Value {
  return { kind: 'tuple', items: items.slice(0, MOST_ITEMS) };
}

function popped(machine: PickleMachine, count: number): readonly Value[] {
  return Array.from({ length: count }, () => machine.pop()).reverse();
}

const pairs = (machine: PickleMachine, items: readonly Value[]): void => {
  machine.change();
  for (let at = 0; at + 1 < items.length; at += 2) machine.setItem(items[at] ?? OTHER, items[at + 1] ?? OTHER);
};

const added: Effect = (machine) => {
  machine.popToMark();
  machine.change();
};

const isNames = (argument: ArgumentValue): argument is readonly [string, string] => Array.isArray(argument);

const EFFECTS: Readonly<Record<string, Effect>> = {
  PROTO: nothing,
  FRAME: nothing,
  READONLY_BUFFER: nothing,
  STOP: (machine) => void machine.pop(),
  NONE: other,
  NEWTRUE: other,
  NEWFALSE: other,
  BINFLOAT: other,
  LONG1: other,
  LONG4: other,
  NEXT_BUFFER: other,
  BINBYTES: other,
  SHORT_BINBYTES: other,
  BINBYTES8: other,
  BYTEARRAY8: other,
  EMPTY_LIST: other,
  EMPTY_SET: other,
  PERSID: other,
  BININT: number,
  BININT1: number,
  BININT2: number,
  INT: numberLine,
  LONG: numberLine,
  FLOAT: (machine, argument) => {
    if (argument !== undefined && !REAL.test(numeral(argument))) throw new BrokenPickle('a number is none');
    machine.push(OTHER);
  },
  BINSTRING: text,
  SHORT_BINSTRING: text,
  BINUNICODE: text,
  SHORT_BINUNICODE: text,
  BINUNICODE8: text,
  UNICODE: unescaped,
  STRING: (machine, argument) => {
    if (argument === undefined) {
      machine.push(OTHER);
      return;
    }
    const [, , bare] = /^[\0- ]*(['"])(.*)\1[\0- ]*$/s.exec(String(argument)) ?? [];
    if (bare === undefined) throw new BrokenPickle('a text is not quoted');
    unescaped(machine, bare);
  },
  MARK: (machine) => machine.mark(),
  POP: (machine) => machine.drop(),
  POP_MARK: (machine) => void machine.popToMark(),
  DUP: (machine) => {
    const value = machine.pop();
    machine.push(value);
    machine.push(value);
  },
  BINPERSID: (machine) => {
    machine.pop();
    machine.push(OTHER);
  },
  EMPTY_TUPLE: (machine) => machine.push(tupleOf([])),
  TUPLE: (machine) => machine.push(tupleOf(machine.popToMark())),
  TUPLE1: (machine) => machine.push(tupleOf(popped(machine, 1))),
  TUPLE2: (machine) => machine.push(tupleOf(popped(machine, 2))),
  TUPLE3: (machine) => machine.push(tupleOf(popped(machine, 3))),
  LIST: (machine) => {
    machine.popToMark();
    machine.push(OTHER);
  },
  FROZENSET: (machine) => {
    machine.popToMark();
    machine.push(OTHER);
  },
  APPEND: (machine) => {
    machine.pop();
    machine.change();
  },
  APPENDS: added,
  ADDITEMS: added,
  EMPTY_DICT: (machine) => machine.push({ kind: 'table', entries: new Map() }),
  DICT: (machine) => {
    const items = machine.popToMark();
    machine.push({ kind: 'table', entries: new Map() });
    pairs(machine, items);
  },
  SETITEM: (machine) => pairs(machine, popped(machine, 2)),
  SETITEMS: (machine) => pairs(machine, machine.popToMark()),
  PUT: (machine, argument) => machine.keep(place(argument)),
  BINPUT: (machine, argument) => machine.keep(place(argument)),
  LONG_BINPUT: (machine, argument) => machine.keep(place(argument)),
  MEMOIZE: (machine) => machine.memoize(),
  GET: (machine, argument) => machine.recall(place(argument)),
  BINGET: (machine, argument) => machine.recall(place(argument)),
  LONG_BINGET: (machine, argument) => machine.recall(place(argument)),
  GLOBAL: (machine, argument) => {
    if (isNames(argument)) machine.import(...argument);
    else machine.importOf(OTHER, OTHER);
  },
  STACK_GLOBAL: (machine) => {
    const [module = OTHER, name = OTHER] = popped(machine, 2);
    machine.importOf(module, name);
  },
  INST: (machine, argument) => {
    const args = tupleOf(machine.popToMark());
    if (isNames(argument)) machine.import(...argument);
    else machine.importOf(OTHER, OTHER);
    machine.call(machine.pop(), args);
  },
  OBJ: (machine) => {
    const [of, ...args] = machine.popToMark();
    if (of === undefined) throw new BrokenPickle('an object has no class');
    machine.call(of, tupleOf(args));
  },
  REDUCE: (machine) => {
    const [of = OTHER, args = OTHER] = popped(machine, 2);
    machine.call(of, args);
  },
  NEWOBJ: (machine) => {
    const [of = OTHER, args = OTHER] = popped(machine, 2);
    machine.call(of, args);
  },
  NEWOBJ_EX: (machine) => {
    const [of = OTHER, args = OTHER] = popped(machine, 3);
    machine.call(of, args);
  },
  BUILD: (machine) => machine.build(machine.pop()),
  EXT1: (machine) => machine.extension(),
  EXT2: (machine) => machine.extension(),
  EXT4: (machine) => machine.extension(),
};
