/** How a registry wants to be told who is asking: one challenge of a `WWW-Authenticate` header. */
export type Challenge =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer';
      readonly realm: string;
      readonly service: string | undefined;
      readonly scope: string | undefined;
    };

/** Reads a `WWW-Authenticate` header (RFC 9110, 11.6.1). Bearer is preferred; schemes not known are passed over. */
export function parseChallenge(header: string): Challenge | undefined {
  const found = [
    ...header.matchAll(
      /(?:^|,)\s*(bearer|basic)(?=\s|,|$)((?:\s*,?\s*[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,"]+))*)/gi,
    ),
  ];
  const challenges = found.map(([, scheme = '', parameters = '']) => challengeOf(scheme.toLowerCase(), parameters));
  return challenges.find((challenge) => challenge?.scheme === 'bearer') ?? challenges.find(Boolean);
}

function challengeOf(scheme: string, text: string): Challenge | undefined {
  if (scheme === 'basic') return { scheme };
  const parameters = new Map(
    [...text.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)].map(([, key = '', quoted, bare]) => [
      key.toLowerCase(),
      quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '',
    ]),
  );
  const realm = parameters.get('realm');
  if (realm === undefined) return undefined;
  return { scheme: 'bearer', realm, service: parameters.get('service'), scope: parameters.get('scope') };
}
