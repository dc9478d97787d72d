import { type LockedPackage, LockFileError, type LockFileContent, type PackageHash } from '../locked-package.ts';
import { type Fields, fieldsOf, parseJson, parseYaml, textOf } from './fields.ts';

const FOLDER = 'node_modules/';

/** Reads `package-lock.json` and `npm-shrinkwrap.json` of lock file versions 2 and 3. */
export function readNpmLock(text: string): LockFileContent {
  const { lockfileVersion, packages } = parseJson(text);
  if (packages === undefined) {
    throw new LockFileError(`its lockfileVersion is ${String(lockfileVersion)}; npm 7 and newer write 2 or 3`);
  }
  const entries = Object.entries(fieldsOf(packages)).filter(
    ([path, entry]) => path.includes(FOLDER) && fieldsOf(entry).link !== true,
  );
  return pinned(
    entries.flatMap(([path, value]) => {
      const entry = fieldsOf(value);
      const name = textOf(entry.name) ?? path.slice(path.lastIndexOf(FOLDER) + FOLDER.length);
      return npm(name, textOf(entry.version), { use: npmUse(entry), integrity: textOf(entry.integrity) });
    }),
  );
}

/** Reads `yarn.lock`: the format of Yarn 1, or the YAML of later ones. */
export async function readYarnLock(text: string): Promise<LockFileContent> {
  return /^__metadata:/m.test(text) ? readYarnBerry(text) : readYarnClassic(text);
}

/** Blocks of a line that names who asks for what, `"@scope/name@^1", name@^2:`, and indented lines of facts. */
function readYarnClassic(text: string): LockFileContent {
  const blocks = text.split(/\r?\n(?=\S)/).filter((block) => /^(?!#)\S.*:\s*$/m.test(block));
  return pinned(
    blocks.flatMap((block) => {
      const asked = /^"?(?:[^\s",]+@npm:)?(@?[^\s"@,]+)@/m.exec(block)?.[1] ?? '';
      const fact = (key: string): string | undefined =>
        new RegExp(`^  ${key}:? "?([^"\\n\\r]+)"?`, 'm').exec(block)?.[1];
      return npm(asked, fact('version'), { use: 'runtime', integrity: fact('integrity') });
    }),
  );
}

async function readYarnBerry(text: string): Promise<LockFileContent> {
  const document = await parseYaml(text);
  return pinned(
    Object.values(document).flatMap((value) => {
      // What does not come from a registry is the app's own: a workspace, a link, a patch of a package listed by itself.
      const [, name, version] = /^(@?[^@]+)@npm:(.+)$/.exec(textOf(fieldsOf(value).resolution) ?? '') ?? [];
      return name === undefined ? [] : npm(name, version, { use: 'runtime' });
    }),
  );
}

/** Reads `pnpm-lock.yaml`, whose keys are `name@1.2.3`, `/name@1.2.3(peer@1)` or, long ago, `/name/1.2.3_peer@1`. */
export async function readPnpmLock(text: string): Promise<LockFileContent> {
  const document = await parseYaml(text);
  return pinned(
    Object.entries(fieldsOf(document.packages)).flatMap(([key, value]) => {
      const [, name, version] = /^\/?((?:@[^/]+\/)?[^@/]+)[@/](\d[^(_]*)/.exec(key) ?? [];
      const { dev, optional, resolution } = fieldsOf(value);
      const use = dev === true ? 'development' : optional === true ? 'optional' : 'runtime';
      return name === undefined ? [] : npm(name, version, { use, integrity: textOf(fieldsOf(resolution).integrity) });
    }),
  );
}

function pinned(packages: readonly LockedPackage[]): LockFileContent {
  return { packages, unpinned: [] };
}

function npm(
  fullName: string,
  version: string | undefined,
  { use, integrity }: { readonly use: LockedPackage['use']; readonly integrity?: string | undefined },
): readonly LockedPackage[] {
  const [, namespace, name] = /^(?:(@[^/]+)\/)?([^/]+)$/.exec(fullName) ?? [];
  if (name === undefined || version === undefined) return [];
  return [{ type: 'npm', namespace, name, version, use, hash: hashOf(integrity) }];
}

function npmUse({ dev, devOptional, optional }: Fields): LockedPackage['use'] {
  if (dev === true) return 'development';
  return optional === true || devOptional === true ? 'optional' : 'runtime';
}

/** Subresource integrity, `sha512-<base64>`; of several the strongest. */
function hashOf(integrity = ''): PackageHash | undefined {
  const hashes = [...integrity.matchAll(/(?<=^|\s)sha(1|256|384|512)-([\w+/]+={0,2})/g)];
  const [, bits, base64] = hashes.sort(([, one], [, other]) => Number(other) - Number(one))[0] ?? [];
  if (bits === undefined || base64 === undefined) return undefined;
  const algorithm = `SHA-${bits}` as PackageHash['algorithm'];
  return { algorithm, hexadecimal: Buffer.from(base64, 'base64').toString('hex') };
}
