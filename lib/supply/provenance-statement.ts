import { hexadecimal } from './subject.ts';

/** What an in-toto statement must have to be read; versions 0.1 and 1 are alike in it. */
interface ReadStatement {
  readonly _type: string;
  readonly predicateType: string;
  readonly subject: readonly { readonly digest: Readonly<Record<string, string>> }[];
}

/** SLSA provenance of any version. */
const PROVENANCE = 'https://slsa.dev/provenance/v';

/**
 * Whether a document is a statement of in-toto that tells how this image was made.
 *
 * @param statement as it was read, from anybody
 * @param digests of the image, and of its platforms
 */
export function isProvenanceOf(statement: unknown, digests: readonly string[]): boolean {
  if (!isStatement(statement) || !statement.predicateType.startsWith(PROVENANCE)) return false;
  const wanted = digests.map(hexadecimal);
  return statement.subject.some(({ digest }) => wanted.includes(digest.sha256 ?? ''));
}

function isStatement(value: unknown): value is ReadStatement {
  const { _type: type, predicateType, subject } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return (
    typeof type === 'string' &&
    type.startsWith('https://in-toto.io/Statement/v') &&
    typeof predicateType === 'string' &&
    Array.isArray(subject) &&
    subject.every((one: unknown) => isRecord(one) && isRecord(one.digest))
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
