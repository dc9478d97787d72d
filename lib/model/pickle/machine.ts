import { LONGEST_TEXT, MARK, MOST_ITEMS, OTHER, type Value } from './values.ts';

/** More than any real model has on its stack or in its memo; what goes beyond is made to exhaust whoever reads it. */
const MOST_VALUES = 20_000_000;

/** What a pickle does that may harm. */
export type Act =
  | { readonly act: 'import'; readonly module: string; readonly name: string }
  /** An import whose name is made while loading, so that nobody can tell what it is. */
  | { readonly act: 'computed import' }
  /** A call of something that is not an import but the outcome of another call. */
  | { readonly act: 'computed call' }
  /** An attribute of an imported function, class or module is set. */
  | { readonly act: 'changed import'; readonly module: string; readonly name: string }
  /** An entry of the registry that another program has filled. */
  | { readonly act: 'extension' };

/** A pickle that no unpickler could read on. */
export class BrokenPickle extends Error {
  override readonly name = 'BrokenPickle';
}

/** The argument of an opcode. Undefined stands for one that is too long to matter. */
export type ArgumentValue = string | number | readonly [string, string] | undefined;

/**
 * Goes through a pickle as an unpickler does, but imports and calls nothing: it only keeps track of what would be imported and called. The
 * stack and the memo are followed as Python follows them, since whoever guesses at them instead can be misled.
 */
export class PickleMachine {
  readonly #stack: Value[] = [];
  readonly #memo = new Map<number, Value>();
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

  /** The value on top, which STOP gives out. */
  get top(): Value | undefined {
    return this.#stack.at(-1);
  }

  /** @throws BrokenPickle */
  run(opcode: string, argument: ArgumentValue): void {
    const effect = EFFECTS[opcode];
    if (effect === undefined) throw new BrokenPickle(`the opcode ${opcode} is not known`);
    effect(this, argument);
    if (this.#stack.length + this.#memo.size > MOST_VALUES)
      throw new BrokenPickle('it holds more values than any model');
  }

  push(value: Value): void {
    this.#stack.push(value);
  }

  pop(): Value {
    const value = this.#stack.pop();
    if (value !== undefined && value.kind !== 'mark') return value;
    if (this.#bottomless) return OTHER;
    throw new BrokenPickle('an opcode takes more from the stack than is there');
  }

  /** Removes what lies above the last mark, and the mark. */
  popToMark(): readonly Value[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0 && !this.#bottomless) throw new BrokenPickle('an opcode wants a mark that is not there');
    const items = this.#stack.splice(Math.max(0, at));
    return items[0] === MARK ? items.slice(1) : items;
  }

  /** POP takes a mark as well. */
  drop(): void {
    if (this.#stack.pop() === undefined && !this.#bottomless) throw new BrokenPickle('the stack is empty');
  }

  keep(index: number): void {
    this.#memo.set(index, this.#stack.at(-1) ?? OTHER);
  }

  /** MEMOIZE: the next place is the number of places taken. */
  memoize(): void {
    this.keep(this.#memo.size);
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
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
    this.push(OTHER);
  }

  extension(): void {
    this.#report({ act: 'extension' });
    this.push(OTHER);
  }

  call(of: Value, args: Value): void {
    if (of.kind === 'import') this.#calls += 1;
    else this.#report({ act: 'computed call' });
    this.push({ kind: 'made', of, args, state: OTHER });
  }

  build(state: Value): void {
    const target = this.#stack.at(-1);
    if (target === undefined && !this.#bottomless) throw new BrokenPickle('a state belongs to nothing');
    if (target?.kind === 'import') this.#report({ act: 'changed import', module: target.module, name: target.name });
    if (target?.kind === 'made') target.state = state;
  }

  setItem(key: Value, value: Value): void {
    const table = this.#stack.at(-1);
    if (table?.kind !== 'table' || key.kind !== 'text' || table.entries.size >= MOST_ITEMS) return;
    table.entries.set(key.text, value);
  }
}

type Effect = (machine: PickleMachine, argument: ArgumentValue) => void;

const other: Effect = (machine) => machine.push(OTHER);
const nothing: Effect = () => undefined;
const text: Effect = (machine, argument) =>
  machine.push(
    typeof argument === 'string' && argument.length <= LONGEST_TEXT ? { kind: 'text', text: argument } : OTHER,
  );
const number: Effect = (machine, argument) =>
  machine.push(typeof argument === 'number' ? { kind: 'number', number: argument } : OTHER);

/** A number as a line of digits. */
const numberLine: Effect = (machine, argument) => {
  if (argument === undefined) {
    machine.push(OTHER);
    return;
  }
  const digits = String(argument).replace(/L$/, '');
  if (!/^\s*[+-]?\d+\s*$/.test(digits)) throw new BrokenPickle('a number is none');
  machine.push({ kind: 'number', number: Number(digits) });
};

const place = (argument: ArgumentValue): number => {
  const index = Number(argument);
  if (!Number.isSafeInteger(index) || index < 0) throw new BrokenPickle('a place in the memo is no number');
  return index;
};

function tupleOf(items: readonly Value[]): Value {
  return { kind: 'tuple', items: items.slice(0, MOST_ITEMS) };
}

function popped(machine: PickleMachine, count: number): readonly Value[] {
  return Array.from({ length: count }, () => machine.pop()).reverse();
}

const pairs = (machine: PickleMachine, items: readonly Value[]): void => {
  for (let at = 0; at + 1 < items.length; at += 2) machine.setItem(items[at] ?? OTHER, items[at + 1] ?? OTHER);
};

const isNames = (argument: ArgumentValue): argument is readonly [string, string] => Array.isArray(argument);

const EFFECTS: Readonly<Record<string, Effect>> = {
  ...{ PROTO: nothing, FRAME: nothing, READONLY_BUFFER: nothing },
  STOP: (machine) => void machine.pop(),
  ...{ NONE: other, NEWTRUE: other, NEWFALSE: other, BINFLOAT: other, LONG1: other, LONG4: other, NEXT_BUFFER: other },
  ...{ BINBYTES: other, SHORT_BINBYTES: other, BINBYTES8: other, BYTEARRAY8: other },
  ...{ EMPTY_LIST: other, EMPTY_SET: other, PERSID: other },
  ...{ BININT: number, BININT1: number, BININT2: number, INT: numberLine, LONG: numberLine },
  FLOAT: (machine, argument) => {
    if (Number.isNaN(Number(argument)) && !/^[+-]?(?:nan|inf)$/.test(String(argument))) {
      throw new BrokenPickle('a number is none');
    }
    machine.push(OTHER);
  },
  ...{ BINSTRING: text, SHORT_BINSTRING: text, UNICODE: text, BINUNICODE: text, SHORT_BINUNICODE: text },
  BINUNICODE8: text,
  STRING: (machine, argument) => {
    if (argument === undefined) {
      machine.push(OTHER);
      return;
    }
    const [, , bare] = /^\s*(['"])(.*)\1\s*$/s.exec(String(argument)) ?? [];
    if (bare === undefined) throw new BrokenPickle('a text is not quoted');
    // Escapes may spell anything, so that such a text names nothing that could be trusted.
    text(machine, bare.includes('\\') ? undefined : bare);
  },
  MARK: (machine) => machine.push(MARK),
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
  APPEND: (machine) => void machine.pop(),
  APPENDS: (machine) => void machine.popToMark(),
  ADDITEMS: (machine) => void machine.popToMark(),
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
