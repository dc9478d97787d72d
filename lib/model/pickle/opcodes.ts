// The opcodes of protocols 0 to 5, as CPython's pickletools describes them.

/** How an opcode's argument is written. */
export type Argument =
  | 'none'
  /** So many bytes. */
  | { readonly bytes: number }
  /** So many lines of text. */
  | { readonly lines: 1 | 2 }
  /** A length of so many bytes, then as many bytes of content. */
  | { readonly counted: 1 | 4 | 8; readonly content: 'text' | 'bytes' | 'number' };

export interface Opcode {
  readonly name: string;
  readonly argument: Argument;
}

const NONE: Argument = 'none';
const LINE: Argument = { lines: 1 };

function fixed(bytes: number): Argument {
  return { bytes };
}

function counted(width: 1 | 4 | 8, content: 'text' | 'bytes' | 'number'): Argument {
  return { counted: width, content };
}

const TABLE: readonly (readonly [code: number | string, name: string, argument: Argument])[] = [
  ['(', 'MARK', NONE],
  ['.', 'STOP', NONE],
  ['0', 'POP', NONE],
  ['1', 'POP_MARK', NONE],
  ['2', 'DUP', NONE],
  ['F', 'FLOAT', LINE],
  ['I', 'INT', LINE],
  ['J', 'BININT', fixed(4)],
  ['K', 'BININT1', fixed(1)],
  ['L', 'LONG', LINE],
  ['M', 'BININT2', fixed(2)],
  ['N', 'NONE', NONE],
  ['P', 'PERSID', LINE],
  ['Q', 'BINPERSID', NONE],
  ['R', 'REDUCE', NONE],
  ['S', 'STRING', LINE],
  ['T', 'BINSTRING', counted(4, 'text')],
  ['U', 'SHORT_BINSTRING', counted(1, 'text')],
  ['V', 'UNICODE', LINE],
  ['X', 'BINUNICODE', counted(4, 'text')],
  ['a', 'APPEND', NONE],
  ['b', 'BUILD', NONE],
  ['c', 'GLOBAL', { lines: 2 }],
  ['d', 'DICT', NONE],
  ['}', 'EMPTY_DICT', NONE],
  ['e', 'APPENDS', NONE],
  ['g', 'GET', LINE],
  ['h', 'BINGET', fixed(1)],
  ['i', 'INST', { lines: 2 }],
  ['j', 'LONG_BINGET', fixed(4)],
  ['l', 'LIST', NONE],
  [']', 'EMPTY_LIST', NONE],
  ['o', 'OBJ', NONE],
  ['p', 'PUT', LINE],
  ['q', 'BINPUT', fixed(1)],
  ['r', 'LONG_BINPUT', fixed(4)],
  ['s', 'SETITEM', NONE],
  ['t', 'TUPLE', NONE],
  [')', 'EMPTY_TUPLE', NONE],
  ['u', 'SETITEMS', NONE],
  ['G', 'BINFLOAT', fixed(8)],
  [0x80, 'PROTO', fixed(1)],
  [0x81, 'NEWOBJ', NONE],
  [0x82, 'EXT1', fixed(1)],
  [0x83, 'EXT2', fixed(2)],
  [0x84, 'EXT4', fixed(4)],
  [0x85, 'TUPLE1', NONE],
  [0x86, 'TUPLE2', NONE],
  [0x87, 'TUPLE3', NONE],
  [0x88, 'NEWTRUE', NONE],
  [0x89, 'NEWFALSE', NONE],
  [0x8a, 'LONG1', counted(1, 'number')],
  [0x8b, 'LONG4', counted(4, 'number')],
  ['B', 'BINBYTES', counted(4, 'bytes')],
  ['C', 'SHORT_BINBYTES', counted(1, 'bytes')],
  [0x8c, 'SHORT_BINUNICODE', counted(1, 'text')],
  [0x8d, 'BINUNICODE8', counted(8, 'text')],
  [0x8e, 'BINBYTES8', counted(8, 'bytes')],
  [0x8f, 'EMPTY_SET', NONE],
  [0x90, 'ADDITEMS', NONE],
  [0x91, 'FROZENSET', NONE],
  [0x92, 'NEWOBJ_EX', NONE],
  [0x93, 'STACK_GLOBAL', NONE],
  [0x94, 'MEMOIZE', NONE],
  [0x95, 'FRAME', fixed(8)],
  [0x96, 'BYTEARRAY8', counted(8, 'bytes')],
  [0x97, 'NEXT_BUFFER', NONE],
  [0x98, 'READONLY_BUFFER', NONE],
];

const BY_CODE = new Map<number, Opcode>(
  TABLE.map(([code, name, argument]) => [typeof code === 'string' ? code.charCodeAt(0) : code, { name, argument }]),
);

/** The opcode of a byte; undefined where there is none. */
export function opcodeOf(byte: number): Opcode | undefined {
  return BY_CODE.get(byte);
}
