import type { Made, Value } from './values.ts';

/** What joblib writes into the middle of a pickle, right behind an array's description. */
export type EmbeddedArray =
  | { readonly kind: 'bytes'; readonly length: number; readonly padded: boolean }
  /** An array of Python objects is a pickle of its own. */
  | { readonly kind: 'pickle' }
  /** Nobody can say where the pickle goes on behind it. */
  | { readonly kind: 'unknown' };

const UNKNOWN: EmbeddedArray = { kind: 'unknown' };

/** How long the content of an array is that a value describes, or undefined where it describes none. */
export function embeddedArray(value: Value | undefined): EmbeddedArray | undefined {
  if (value?.kind !== 'made' || !isImport(classOf(value), 'joblib.numpy_pickle', 'NumpyArrayWrapper')) return undefined;
  if (value.state.kind !== 'table') return UNKNOWN;
  const { entries } = value.state;
  const [shape, type] = [entries.get('shape'), typeOf(entries.get('dtype'))];
  if (shape?.kind !== 'tuple' || type === undefined) return UNKNOWN;
  if (type.isObject) return { kind: 'pickle' };
  const lengths = shape.items.map((item) => (item.kind === 'number' ? item.number : Number.NaN));
  const length = lengths.reduce((product, each) => product * each, itemSize(type.name));
  if (!Number.isSafeInteger(length) || length < 0) return UNKNOWN;
  return { kind: 'bytes', length, padded: entries.get('numpy_array_alignment_bytes')?.kind === 'number' };
}

function isImport(value: Value | undefined, module: string, name: string): boolean {
  return value?.kind === 'import' && value.module === module && value.name === name;
}

/** What a value is an object of: protocols 0 and 1 make it by a function of copyreg. */
function classOf({ of, args }: Made): Value | undefined {
  const isByFunction = of.kind === 'import' && /^copy_?reg$/.test(of.module) && args.kind === 'tuple';
  return isByFunction ? args.items[0] : of;
}

/** The type of an array's items, if all that says something of it says the same: name, size and flags. */
function typeOf(dtype: Value | undefined): { readonly name: string; readonly isObject: boolean } | undefined {
  if (dtype?.kind !== 'made' || !isImport(dtype.of, 'numpy', 'dtype')) return undefined;
  if (dtype.args.kind !== 'tuple' || dtype.state.kind !== 'tuple') return undefined;
  const [first] = dtype.args.items;
  const [size, , flags] = dtype.state.items.slice(5);
  if (first?.kind !== 'text' || flags?.kind !== 'number') return undefined;
  const name = first.text.replace(/^[<>|=]/, '');
  // The first flag says that there are objects in it, which a structure may have as well.
  const isObject = (flags.number & 1) === 1;
  if (isObject !== name.startsWith('O') && !name.startsWith('V')) return undefined;
  const isSized = size?.kind === 'number' && size.number === itemSize(name);
  return /^[SUV]/.test(name) && !isSized ? undefined : { name, isObject };
}

/** Bytes of one item. A letter of a text takes four. */
function itemSize(dtype: string): number {
  const [, kind = '', digits = ''] = /^([a-zA-Z])(\d+)$/.exec(dtype) ?? [];
  return Number(digits === '' ? Number.NaN : digits) * (kind === 'U' ? 4 : 1);
}
