import type { DockerCli } from '../docker-cli.ts';

/**
 * The machine on which published ports of the engine's containers are, as seen from here; undefined: this very one.
 * Docker knows the engine's address whether it comes from DOCKER_HOST or from a context.
 */
export async function remoteEngineHost(docker: DockerCli, signal: AbortSignal): Promise<string | undefined> {
  const format = '{{.Endpoints.docker.Host}}';
  const { code, stdout } = await docker.run(['context', 'inspect', '--format', format], { signal });
  return remoteHostOf(code === 0 ? stdout.trim() : (docker.variable('DOCKER_HOST') ?? ''));
}

/** Exported for its test. */
export function remoteHostOf(address: string): string | undefined {
  const [, host = ''] = /^(?:tcp|https?|ssh):\/\/(?:[^@/]*@)?(\[[0-9a-f:]+\]|[^:/]+)/i.exec(address) ?? [];
  return host === '' || /^(?:localhost|127\..*|\[::1\]|0\.0\.0\.0)$/i.test(host) ? undefined : host;
}
