import { DeliveryError } from '../errors/delivery-error.ts';
import { checkName } from './names.ts';
import { isRange } from '../naming/semantic-version.ts';

/** How a version of a managed model is found. */
export type WantedBy =
  | { readonly version: string }
  | { readonly channel: string }
  /** A range of semantic versions, such as `^2.1`: the highest in it. */
  | { readonly range: string }
  /** See `modelDigest`: the version with this content. */
  | { readonly digest: string };

/** Which model of a managed store. */
export interface ManagedSelection {
  readonly layout: 'managed';
  readonly prefix: string;
  readonly model: string;
  readonly by: WantedBy;
}

/**
 * Which of the blobs that a pattern matches:
 * - `newest`: the one that was modified last;
 * - `semver`: all of the highest version that their names hold;
 * - `newestFolder`: all of the newest folder, where each version has a folder of its own;
 * - `tagged`: those whose index tags meet an expression;
 * - `all`.
 */
export type PlainChoice = 'newest' | 'semver' | 'newestFolder' | 'all' | { readonly tagged: string };

/** Which blobs of a plain container make up the model. */
export interface PlainSelection {
  readonly layout: 'plain';
  /** What to call the model; undefined: as its container. */
  readonly model: string | undefined;
  /** Names of blobs, or patterns with `*`, `**`, `?`, `[…]` and `{…}`; for `newestFolder` also the folder above the versions. */
  readonly patterns: readonly string[];
  readonly select: PlainChoice;
}

export type ModelSelection = ManagedSelection | PlainSelection;

/**
 * What the text for a version means: a digest `sha256:…`, a range of semantic versions, or the name of one version. A range is known by
 * the signs that no name holds, so `2.1` is a version of that name and `~2.1` a range.
 *
 * @throws DeliveryError `NAME_INVALID`, `DIGEST_INVALID`
 */
export function wantedBy(text: string): WantedBy {
  if (/^sha256:/i.test(text)) return { digest: checkDigestText(text.toLowerCase()) };
  return /[\^~<>=*| ]/.test(text) && isRange(text) ? { range: text } : { version: checkName('version', text) };
}

/**
 * A filter for index tags as Azure has it, from that or from the short form `stage=production, team=vision`, all of which must hold.
 *
 * @throws DeliveryError `TAG_FILTER_INVALID`
 */
export function tagExpression(text: string): string {
  if (text.includes("'")) return text;
  const pairs = text.split(/[,\n]|&&/).map((pair) => /^\s*([^=<>"]+?)\s*=\s*([^="]*?)\s*$/.exec(pair));
  if (pairs.some((pair) => pair === null)) {
    throw new DeliveryError('TAG_FILTER_INVALID', {
      message: `The tag filter ${JSON.stringify(text)} is not made of name=value.`,
      remedy: `Write stage=production, or an expression as Azure has it: "stage" = 'production' AND "accuracy" > '0.9'.`,
    });
  }
  return pairs.map((pair) => `"${pair?.[1] ?? ''}" = '${pair?.[2] ?? ''}'`).join(' AND ');
}

function checkDigestText(text: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return text;
  throw new DeliveryError('DIGEST_INVALID', {
    message: `"${text}" is not the digest of a model.`,
    remedy: 'Use sha256: and 64 hexadecimal digits, as modelDigest of PublishModel or FetchLatestModel gives it.',
  });
}
