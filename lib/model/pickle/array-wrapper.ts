import type { Value } from './values.ts';

/** What joblib writes into the middle of a pickle, right behind an array's description. */
export type EmbeddedArray =
  | { readonly kind: 'bytes'; readonly length: number; readonly padded: boolean }
  /** An array of Python objects is a pickle of its own. */
  | { readonly kind: 'pickle' };

/** How long the content of an array is that a value describes, or undefined where it describes none. */
export function embeddedArray(value: Value | undefined): EmbeddedArray | undefined {
  if (value?.kind !== 'made' || value.of.kind !== 'import') return undefined;
  if (!/^joblib\.numpy_pickle$/.test(value.of.module) || value.of.name !== 'NumpyArrayWrapper') return undefined;
  if (value.state.kind !== 'table') return undefined;
  const { entries } = value.state;
  const [shape, dtype] = [entries.get('shape'), typeOf(entries.get('dtype'))];
  if (shape?.kind !== 'tuple' || dtype === undefined) return undefined;
  if (dtype.startsWith('O')) return { kind: 'pickle' };
  const lengths = shape.items.map((item) => (item.kind === 'number' ? item.number : Number.NaN));
  const length = lengths.reduce((product, each) => product * each, itemSize(dtype));
  if (!Number.isSafeInteger(length) || length < 0) return undefined;
  return { kind: 'bytes', length, padded: entries.get('numpy_array_alignment_bytes')?.kind === 'number' };
}

/** The text by which numpy makes a type, such as `f8`. */
function typeOf(dtype: Value | undefined): string | undefined {
  if (dtype?.kind !== 'made' || dtype.args.kind !== 'tuple') return undefined;
  const [first] = dtype.args.items;
  return first?.kind === 'text' ? first.text.replace(/^[<>|=]/, '') : undefined;
}

/** Bytes of one item. A letter of a text takes four. */
function itemSize(dtype: string): number {
  const [, kind = '', digits = ''] = /^([a-zA-Z])(\d+)$/.exec(dtype) ?? [];
  return Number(digits === '' ? Number.NaN : digits) * (kind === 'U' ? 4 : 1);
}
