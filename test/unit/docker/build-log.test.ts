import assert from 'node:assert/strict';
import { buildFailure } from '../../../lib/docker/build-failure.ts';
import { BuildLog } from '../../../lib/docker/build-log.ts';
import type { ImageBuild } from '../../../lib/docker/image-build.ts';

const BUILD: ImageBuild = {
  dockerfile: '/src/Dockerfile',
  context: '/src',
  arguments: {},
  target: 'web',
  secrets: new Map(),
  platforms: [],
  cacheFrom: [],
  cacheTo: [],
};

/** What a user is told after a build printed this. */
function told(output: string): string {
  const log = new BuildLog();
  output.split('\n').forEach((line) => log.read(line));
  const { code, message } = buildFailure(log.failure(), BUILD);
  return `${code}: ${message}`;
}

// Outputs of docker 20.10, 28.2 and buildx 0.13, as they were seen.
describe('the output of a failed build', () => {
  it('names the step that fails, its exit code and its last lines: classic', () => {
    const output = `Sending build context to Docker daemon  9.216kB
Step 1/2 : FROM busybox
 ---> 6e603dfa53f7
Step 2/2 : RUN echo one; false
 ---> Running in 7047e994bdcb
one
two
Removing intermediate container 7047e994bdcb
The command '/bin/sh -c echo one; false' returned a non-zero code: 3`;
    assert.equal(
      told(output),
      'DOCKER_BUILD_FAILED: Step [2/2] RUN echo one; false of /src/Dockerfile failed with exit code 3. Its last lines: “one | two”.',
    );
  });

  it('names the step that fails, its exit code and its last lines: BuildKit', () => {
    const output = `#0 building with "default" instance using docker driver

#4 [1/3] FROM busybox
#4 CACHED

#5 [2/3] RUN slow
#6 [other 1/1] RUN echo one; false
#5 0.300 not of the step that fails
#6 0.446 one
#6 0.446 two
#6 ERROR: process "/bin/sh -c echo one; false" did not complete successfully: exit code: 3
------
 > [other 1/1] RUN echo one; false:
0.446 one
------
Dockerfile:3
--------------------
   3 | >>> RUN echo one; false
--------------------
ERROR: failed to solve: process "/bin/sh -c echo one; false" did not complete successfully: exit code: 3`;
    assert.equal(
      told(output),
      'DOCKER_BUILD_FAILED: Step [other 1/1] RUN echo one; false of /src/Dockerfile failed with exit code 3. Its last lines: “one | two”.',
    );
  });

  for (const [what, output, expected] of [
    [
      'a line that is no instruction: classic',
      'Error response from daemon: dockerfile parse error line 2: unknown instruction: RUNN',
      /^DOCKERFILE_INVALID: .*line 2: unknown instruction: RUNN\.$/,
    ],
    [
      'a line that is no instruction: BuildKit',
      'failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 2: unknown instruction: RUNN',
      /^DOCKERFILE_INVALID: .*line 2: unknown instruction: RUNN\.$/,
    ],
    [
      'a line that is no instruction: newer BuildKit',
      'ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)',
      /^DOCKERFILE_INVALID: .*line 2: unknown instruction: RUNN/,
    ],
    [
      'no such stage: classic',
      'Error response from daemon: failed to reach build target zz in Dockerfile',
      /^BUILD_TARGET_NOT_FOUND: /,
    ],
    [
      'no such stage: BuildKit',
      'failed to solve with frontend dockerfile.v0: failed to create LLB definition: target stage zz could not be found',
      /^BUILD_TARGET_NOT_FOUND: /,
    ],
    [
      'no such base: classic',
      'Step 1/1 : FROM host/no/such:1\nmanifest for host/no/such:1 not found: manifest unknown: manifest unknown',
      /^DOCKER_PULL_FAILED: .*host\/no\/such:1 not found/,
    ],
    [
      'no such base: BuildKit',
      '#3 [internal] load metadata for host/no/such:1\n#3 ERROR: host/no/such:1: not found\n------\nERROR: failed to solve: host/no/such:1: not found',
      /^DOCKER_PULL_FAILED: .*host\/no\/such:1: not found/,
    ],
    [
      'a file that is not there: classic',
      'Step 1/2 : FROM busybox\nStep 2/2 : COPY nothing /x\nCOPY failed: file not found in build context or excluded by .dockerignore: stat nothing: file does not exist',
      /^DOCKER_BUILD_FAILED: Step \[2\/2\] COPY nothing \/x .*stat nothing/,
    ],
    [
      'a file that is not there: BuildKit',
      '#6 [2/2] COPY nothing /x\n#6 ERROR: "/nothing" not found: not found\n------\n > [2/2] COPY nothing /x:\n------\nfailed to compute cache key: "/nothing" not found: not found',
      /^DOCKER_BUILD_FAILED: Step \[2\/2\] COPY nothing \/x .*"\/nothing" not found/,
    ],
    [
      'a mount that only BuildKit knows',
      'Step 1/1 : RUN --mount=type=secret,id=a b\nthe --mount option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/',
      /^BUILDKIT_MISSING: /,
    ],
    [
      'a full disk',
      '#6 [2/2] RUN a\n#6 1.0 write: no space left on device\n#6 ERROR: exit code: 1',
      /^DOCKER_DISK_FULL/,
    ],
  ] as const) {
    it(`tells of ${what}`, () => assert.match(told(output), expected));
  }
});
