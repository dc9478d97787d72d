import type { HealthCheck, RunConfig } from './image.ts';
import { type AddedLabels, relabelled } from './labels.ts';

/** How containers of the new image run, where it differs from the base. */
export interface RunSettings {
  readonly entrypoint?: readonly string[] | undefined;
  readonly command?: readonly string[] | undefined;
  /** Added to the base's variables; one of the same name replaces it. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly workingDirectory?: string | undefined;
  /** Such as `8080/tcp`; added to the base's. */
  readonly ports?: readonly string[] | undefined;
  readonly user?: string | undefined;
  /** Such as `SIGINT`: what asks a container to end. */
  readonly stopSignal?: string | undefined;
  readonly healthCheck?: HealthCheck | undefined;
  /** Added to the base's; one of the same name replaces it. */
  readonly labels?: AddedLabels | undefined;
}

/** The base's settings with the new ones on top; fields that nobody named stay as they are. */
export function withSettings(base: RunConfig, settings: RunSettings): RunConfig {
  const { entrypoint, command, env, workingDirectory, ports = [], user, labels, stopSignal, healthCheck } = settings;
  return {
    ...base,
    ...(user === undefined ? {} : { User: user }),
    ...(ports.length === 0
      ? {}
      : { ExposedPorts: { ...base.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) } }),
    ...(env === undefined ? {} : { Env: mergeEnv(base.Env ?? [], env) }),
    // As in a Dockerfile: a new entry point forgets the base's command, which was made for the old one.
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint, Cmd: null }),
    ...(command === undefined ? {} : { Cmd: command }),
    ...(workingDirectory === undefined ? {} : { WorkingDir: workingDirectory }),
    ...(stopSignal === undefined ? {} : { StopSignal: stopSignal }),
    ...(healthCheck === undefined ? {} : { Healthcheck: healthCheck }),
    ...(labels === undefined ? {} : { Labels: relabelled(base.Labels, labels) }),
  };
}

function mergeEnv(base: readonly string[], added: Readonly<Record<string, string>>): readonly string[] {
  const merged = new Map(base.map((entry) => [nameOf(entry), entry]));
  for (const [name, value] of Object.entries(added)) merged.set(name, `${name}=${value}`);
  return [...merged.values()];
}

function nameOf(entry: string): string {
  return entry.split('=', 1)[0] ?? entry;
}
