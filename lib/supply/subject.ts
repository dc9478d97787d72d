/** An image that documents speak of. */
export interface ImageSubject {
  /** Registry and repository, such as `registry.example.com/team/app`. */
  readonly name: string;
  /** `sha256:` and 64 hexadecimal digits, of its index or only manifest. */
  readonly digest: string;
}

/** A base image: what it is called, with its tag or, if it was given none, its digest, or in words where it is in no repository; and what that was. */
export type BaseSubject = ImageSubject;

/** The model that an image carries. */
export interface ModelSubject {
  readonly name: string | undefined;
  readonly version: string | undefined;
  /** `sha256:` and 64 hexadecimal digits over the list of its files; undefined where its store does not know it. */
  readonly digest: string | undefined;
  /** Where it is kept, without secrets. */
  readonly uri: string | undefined;
  /** What its publisher says of it, such as `accuracy`. */
  readonly properties: Readonly<Record<string, string>>;
  /** Where it came from, as far as that is known. */
  readonly source: {
    readonly repository?: string;
    readonly commit?: string;
    readonly runUrl?: string;
    readonly author?: string;
  };
  /** Digests of the layers that hold it. */
  readonly layers: readonly string[];
}

/** The hexadecimal digits of a digest. */
export function hexadecimal(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}
