/** A package of a package manager, at the one version that a lock file pins. */
export interface LockedPackage {
  readonly type: 'pypi' | 'npm' | 'conda';
  /** The scope of an npm package, with its `@`. */
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly version: string;
  readonly qualifiers?: Readonly<Record<string, string>> | undefined;
  /** Whether the app needs it to run, can do without it, or uses it only while it is being developed. */
  readonly use: 'runtime' | 'optional' | 'development';
  /** Of the archive that the package manager downloads, where the lock file names exactly one. */
  readonly hash?: PackageHash | undefined;
}

export interface PackageHash {
  readonly algorithm: 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512';
  readonly hexadecimal: string;
}

/** What a lock file says. */
export interface LockFileContent {
  readonly packages: readonly LockedPackage[];
  /** What it asks for without saying which version: nobody can tell what was installed. */
  readonly unpinned: readonly string[];
}

/** Thrown for a lock file that cannot be read; says why. */
export class LockFileError extends Error {
  override readonly name = 'LockFileError';
}
