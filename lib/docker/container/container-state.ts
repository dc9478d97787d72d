/** A container as the engine describes it. */
export interface ContainerState {
  readonly id: string;
  readonly isRunning: boolean;
  readonly exitCode: number;
  /** Whether the kernel has ended it, or a process of it, for want of memory. */
  readonly ranOutOfMemory: boolean;
  /** What the engine itself says went wrong. */
  readonly error: string;
  /** The port of the engine's machine at which a port of the container is published. */
  readonly publishedPort: (port: number) => number | undefined;
  readonly networkMode: string;
  readonly mounts: readonly Mount[];
}

/** A folder of the engine's machine that a container sees. */
export interface Mount {
  readonly source: string;
  readonly destination: string;
}

/** The answer of `docker container inspect`, as far as it is read. */
interface Inspected {
  readonly Id: string;
  readonly State: {
    readonly Running: boolean;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly Error: string;
  };
  readonly HostConfig: { readonly NetworkMode: string };
  readonly NetworkSettings: {
    readonly Ports?: Readonly<Record<string, readonly { readonly HostPort: string }[] | null>> | null;
  };
  readonly Mounts?: readonly { readonly Source?: string; readonly Destination?: string }[];
}

/** Reads what `docker container inspect --format '{{json .}}'` prints. */
export function parseContainerState(text: string): ContainerState {
  const { Id, State, HostConfig, NetworkSettings, Mounts = [] } = JSON.parse(text) as Inspected;
  return {
    id: Id,
    isRunning: State.Running,
    exitCode: State.ExitCode,
    ranOutOfMemory: State.OOMKilled,
    error: State.Error,
    publishedPort: (port) => {
      const published = NetworkSettings.Ports?.[`${port}/tcp`]?.[0]?.HostPort;
      return published === undefined || published === '' ? undefined : Number(published);
    },
    networkMode: HostConfig.NetworkMode,
    mounts: Mounts.map(({ Source = '', Destination = '' }) => ({ source: Source, destination: Destination })),
  };
}
