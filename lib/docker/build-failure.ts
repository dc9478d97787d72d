import { DeliveryError } from '../errors/delivery-error.ts';
import type { FailedStep } from './build-log.ts';
import type { ImageBuild } from './image-build.ts';

/** Of a long line, as much as fits into a message, in characters. */
const WORDS_LIMIT = 300;

/**
 * Why a build failed, as an error that names the step.
 *
 * @returns `DOCKERFILE_INVALID`, `BUILD_TARGET_NOT_FOUND`, `DOCKER_PULL_FAILED`, `DOCKER_DISK_FULL`,
 *   `BUILDKIT_MISSING` or `DOCKER_BUILD_FAILED`
 */
export function buildFailure(failed: FailedStep, build: ImageBuild): DeliveryError {
  const { dockerfile } = build;
  const reason = clipped(failed.reason);
  const [, line, problem = ''] = /dockerfile parse error (?:on )?line (\d+): (.*)/.exec(reason) ?? [];
  if (line !== undefined) return invalid(dockerfile, `line ${line}: ${problem}`);
  if (/dockerfile parse error|the Dockerfile \(.*\) cannot be empty|file with no instructions/i.test(reason)) {
    return invalid(dockerfile, reason);
  }
  if (/build target \S+ in|target stage \S+ could not be found/.test(reason)) return targetMissing(build);
  if (/no space left on device/i.test([reason, ...failed.lines].join('\n'))) return diskFull(dockerfile, failed.step);
  if (/requires BuildKit|is not supported for the docker driver/.test(reason)) return needsBuildKit(dockerfile, reason);
  const pulls = failed.step === undefined || /^\[internal\] load metadata|\] FROM /i.test(failed.step);
  if (pulls && PULLING.test(reason)) return notPulled(dockerfile, failed.step, reason);
  return stepFailed(dockerfile, failed, reason);
}

const PULLING =
  /not found|pull access denied|manifest unknown|unauthorized|no basic auth|denied|failed to resolve|failed to do request|no such host|connection refused|i\/o timeout|toomanyrequests|certificate/i;

function invalid(dockerfile: string, problem: string): DeliveryError {
  return new DeliveryError('DOCKERFILE_INVALID', {
    message: `${dockerfile} cannot be read: ${problem}.`,
    remedy: 'Correct that line.',
  });
}

function targetMissing({ dockerfile, target = '' }: ImageBuild): DeliveryError {
  return new DeliveryError('BUILD_TARGET_NOT_FOUND', {
    message: `${dockerfile} has no stage "${target}".`,
    remedy: 'Set buildTarget to a name that stands after AS in a FROM line.',
  });
}

function diskFull(dockerfile: string, step: string | undefined): DeliveryError {
  return new DeliveryError('DOCKER_DISK_FULL', {
    message: `The disk of the Docker engine is full${step === undefined ? '' : ` at ${clipped(step)}`} of ${dockerfile}.`,
    remedy: 'Make room, for instance by docker system prune.',
  });
}

function needsBuildKit(dockerfile: string, reason: string): DeliveryError {
  return new DeliveryError('BUILDKIT_MISSING', {
    message: `${dockerfile} needs what the builder of this agent cannot do: ${reason}.`,
    remedy: 'Install the plugin docker-buildx on the agent, with a driver that can do it.',
  });
}

function notPulled(dockerfile: string, step: string | undefined, reason: string): DeliveryError {
  const where = step === undefined ? '' : ` at ${clipped(step)}`;
  return new DeliveryError('DOCKER_PULL_FAILED', {
    message: `An image that ${dockerfile} builds upon cannot be pulled${where}: ${reason}.`,
    remedy: 'Check its name in FROM, and baseRegistryConnection where it is private.',
  });
}

function stepFailed(dockerfile: string, { step, lines }: FailedStep, reason: string): DeliveryError {
  const [, exitCode] = /(?:exit code: |non-zero code: )(\d+)/.exec(reason) ?? [];
  const how = exitCode === undefined ? `: ${reason}` : ` with exit code ${exitCode}`;
  const said = lines.length === 0 ? '' : ` Its last lines: “${lines.map(clipped).join(' | ')}”.`;
  return new DeliveryError('DOCKER_BUILD_FAILED', {
    message: `${step === undefined ? 'The build' : `Step ${clipped(step)}`} of ${dockerfile} failed${how}.${said}`,
    remedy: 'Correct that step; the whole output of the build stands above.',
  });
}

function clipped(text: string): string {
  const plain = text.replace(/\s+/g, ' ').trim().replace(/\.$/, '');
  return plain.length > WORDS_LIMIT ? `${plain.slice(0, WORDS_LIMIT)}…` : plain;
}
