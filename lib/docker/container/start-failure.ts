import { DeliveryError } from '../../errors/delivery-error.ts';
import type { ContainerSettings } from './container-settings.ts';

/** Why a container was not made or not started, from what docker printed. */
export function notStarted(stderr: string, { image, gpus }: ContainerSettings): DeliveryError {
  const reason = reasonIn(stderr);
  if (/port is already allocated|address already in use|ports are not available/i.test(stderr)) {
    const [, port = ''] = /(?:Bind for|bind host port|exposing port TCP|listen tcp4?) \S*?:(\d+)/.exec(stderr) ?? [];
    return new DeliveryError('PORT_IN_USE', {
      message: `The port ${port} of the agent, at which the container was to answer, is taken: ${reason}.`,
      remedy: 'Leave hostPort empty for a free one, or stop what has it.',
    });
  }
  const remedy = /could not select device driver|nvidia|cdi/i.test(stderr)
    ? `Run on an agent whose Docker engine has the NVIDIA container toolkit, or leave gpus (${gpus ?? ''}) empty.`
    : remedyFor(stderr);
  return new DeliveryError('CONTAINER_NOT_STARTED', {
    message: `A container of ${image} cannot be started: ${reason}.`,
    remedy,
  });
}

function remedyFor(stderr: string): string {
  if (
    /executable file not found|no such file or directory: unknown|exec format error|no command specified/i.test(stderr)
  ) {
    return 'Check command, and the image: its program is not there, or is for another platform than that of the agent.';
  }
  return 'Check the inputs that say how the container runs: volumes, memory, gpus, runArguments.';
}

function reasonIn(stderr: string): string {
  const lines = stderr
    .trim()
    .split('\n')
    .filter((line) => !/^(?:Error: failed to start containers|See 'docker|Run 'docker|$)/.test(line));
  const text = (lines.at(-1) ?? '').replace(/^(?:docker: |Error response from daemon: |invalid argument )+/, '');
  return text.replace(/\s+/g, ' ').replace(/\.$/, '').slice(0, 400) || 'docker gave no reason';
}
