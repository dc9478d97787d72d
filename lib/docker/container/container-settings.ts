/** How a container is to run. */
export interface ContainerSettings {
  /** The image by its id or digest, which the engine has. */
  readonly image: string;
  readonly env: Readonly<Record<string, string>>;
  /** Such as `/data/models:/models:ro`, as docker takes them; paths are those of the engine's machine. */
  readonly volumes: readonly string[];
  /** Such as `all`; undefined: none. */
  readonly gpus: string | undefined;
  /** Such as `2g`; undefined: without a limit. */
  readonly memory: string | undefined;
  /** Such as `1.5`; undefined: without a limit. */
  readonly cpus: string | undefined;
  /** What to run in the place of the image's own command. */
  readonly command: readonly string[];
  /** Further words for `docker create`. */
  readonly runArguments: readonly string[];
}

/** By which way its service is reached. */
export type ContainerNetwork =
  /** Its port is published: at a free port of an address, unless one is given. */
  | {
      readonly kind: 'published';
      readonly port: number;
      readonly bind: string | undefined;
      readonly hostPort: number | undefined;
    }
  /** It shares the network of another container, where ports are as they are. */
  | { readonly kind: 'shared'; readonly container: string };

/** What the docker program itself reads from its environment. */
const OF_DOCKER = /^(?:DOCKER_|BUILDX_|LD_|SSH_|PATH$|HOME$|USERPROFILE$|SYSTEMROOT$)/i;
/** A service that logs without end fills no disk. */
const LOG_OPTIONS = ['--log-driver', 'json-file', '--log-opt', 'max-size=20m', '--log-opt', 'max-file=2'];

/**
 * The words behind `docker` that create a container, and the environment that they need: values of variables are handed over there, for
 * everybody on the machine can read command lines.
 */
export function createCommand(
  name: string,
  settings: ContainerSettings,
  { network, labels }: { readonly network: ContainerNetwork; readonly labels: Readonly<Record<string, string>> },
): { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const { image, env, volumes, gpus, memory, cpus, command, runArguments } = settings;
  const inherited = Object.entries(env).filter(([key]) => !OF_DOCKER.test(key));
  const written = Object.entries(env).filter(([key]) => OF_DOCKER.test(key));
  const args = [
    ...['create', '--name', name, '--pull', 'never', ...LOG_OPTIONS],
    ...Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
    ...inherited.flatMap(([key]) => ['--env', key]),
    ...written.flatMap(([key, value]) => ['--env', `${key}=${value}`]),
    ...volumes.flatMap((volume) => ['--volume', volume]),
    ...(gpus === undefined ? [] : ['--gpus', gpus]),
    // Without swap, as Kubernetes has none: else a service that needs too much would only be slow here.
    ...(memory === undefined ? [] : ['--memory', memory, '--memory-swap', memory]),
    ...(cpus === undefined ? [] : ['--cpus', cpus]),
    ...networkArguments(network),
    ...runArguments,
    ...[image, ...command],
  ];
  return { args, env: Object.fromEntries(inherited) };
}

function networkArguments(network: ContainerNetwork): readonly string[] {
  if (network.kind === 'shared') return ['--network', `container:${network.container}`];
  const { port, bind, hostPort } = network;
  return ['--publish', `${bind === undefined ? '' : `${bind}:`}${hostPort ?? ''}:${port}`];
}
