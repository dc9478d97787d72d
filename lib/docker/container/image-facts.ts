import type { DockerCli } from '../docker-cli.ts';

/** An image that the engine has. */
export interface ImageFacts {
  /** The digest of its configuration: it means this image whatever happens to its tags. */
  readonly id: string;
  /** Its names by digest, one for each repository that it was pulled from or pushed to. */
  readonly digests: readonly string[];
  /** The TCP ports that it says its service listens on. */
  readonly ports: readonly number[];
}

/** Describes an image; undefined where the engine does not have it. */
export async function describeImage(
  docker: DockerCli,
  image: string,
  signal: AbortSignal,
): Promise<ImageFacts | undefined> {
  const { code, stdout } = await docker.run(['image', 'inspect', '--format', '{{json .}}', image], { signal });
  return code === 0 ? parseImageFacts(stdout) : undefined;
}

/** Exported for its test. */
export function parseImageFacts(text: string): ImageFacts {
  const { Id, RepoDigests, Config } = JSON.parse(text) as {
    readonly Id: string;
    readonly RepoDigests?: readonly string[] | null;
    readonly Config?: { readonly ExposedPorts?: Readonly<Record<string, unknown>> | null } | null;
  };
  const ports = Object.keys(Config?.ExposedPorts ?? {}).flatMap((port) => {
    const [, number] = /^(\d+)(?:\/tcp)?$/.exec(port) ?? [];
    return number === undefined ? [] : [Number(number)];
  });
  return { id: Id, digests: RepoDigests ?? [], ports: ports.toSorted((a, b) => a - b) };
}
