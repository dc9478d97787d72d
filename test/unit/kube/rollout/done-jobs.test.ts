import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Footprint } from '../../../../lib/kube/application/footprint.ts';
import { NO_RECORD } from '../../../../lib/kube/application/record.ts';
import type { ObjectRef } from '../../../../lib/kube/client/resource.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import { writeAll } from '../../../../lib/kube/rollout/carry-out.ts';
import type { Step } from '../../../../lib/kube/rollout/plan.ts';
import type { RolloutRequest } from '../../../../lib/kube/rollout/request.ts';
import { Rollout } from '../../../../lib/kube/rollout/rollout.ts';
import type { Session } from '../../../../lib/kube/rollout/session.ts';
import { Beside } from '../../../../lib/kube/strategies/beside.ts';
import type { BesideTools } from '../../../../lib/kube/strategies/beside.ts';
import { around, deployment, DONE, targetOf } from '../readiness/cluster-objects.ts';

const SILENT = { line: () => undefined, group: () => undefined, warn: () => undefined, progress: () => undefined };
const WEB = deployment({ status: DONE });
const MIGRATION: KubeObject = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'migrate', namespace: 'shop', uid: 'j' },
  spec: { ttlSecondsAfterFinished: 1 },
};

function stepOf(desired: KubeObject, before?: KubeObject): Step {
  const { ref } = targetOf(desired);
  return { ref, title: ref.name, source: 'app.yml:1', desired, before, judged: 'first' };
}

/** A rollout of a Job and a Deployment, and what it has of the cluster. */
class JobRollout {
  /** Names of the objects that were written. */
  readonly written: string[] = [];
  readonly rollout: Rollout;
  readonly steps = [stepOf(MIGRATION), stepOf(WEB, WEB)];
  #live: readonly KubeObject[] = [
    { ...MIGRATION, status: { conditions: [{ type: 'Complete', status: 'True' }] } },
    WEB,
  ];

  constructor() {
    const apply = (ref: ObjectRef, desired: KubeObject): Promise<KubeObject> => {
      this.written.push(ref.name);
      return Promise.resolve(desired);
    };
    const session = {
      reporter: SILENT,
      record: NO_RECORD,
      client: { apply },
      limit: new AbortController().signal,
      noteBeginning: () => Promise.resolve(),
      view: {
        object: ({ name }: ObjectRef) => this.#live.find(({ metadata }) => metadata.name === name),
        around: () => around(),
        changed: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
      },
    };
    this.rollout = new Rollout({} as RolloutRequest, session as unknown as Session);
    this.rollout.course = { ...this.rollout.course, steps: this.steps };
  }

  /** The time limit of the Job has cleaned it away. */
  cleanAway(): void {
    this.#live = [WEB];
  }

  /** A new version stands beside the stable one, and the Job came up for it. */
  standBeside(): void {
    const staged: readonly Footprint[] = [{ ...stepOf(MIGRATION), isStaged: true }];
    this.rollout.beside = new Beside({} as BesideTools, staged);
  }
}

describe('a Job that is cleaned away when it is done', () => {
  let clock: sinon.SinonFakeTimers;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  });

  afterEach(() => clock.restore());

  /** Waits for everything, for longer than it takes to tell that an object is gone. */
  async function readyIn(rollout: Rollout): Promise<readonly (readonly [string, string])[]> {
    const outcome = rollout.awaitReady().then(
      () => undefined,
      (error: unknown) => error,
    );
    await clock.tickAsync(10_000);
    assert.equal(await outcome, undefined);
    return rollout.course.standings.map(({ target, verdict }) => [target.ref.name, verdict.state] as const);
  }

  it('has done its work also when everything is waited for once more', async () => {
    const job = new JobRollout();
    await job.rollout.writeSteps(job.steps);
    await readyIn(job.rollout);
    job.cleanAway();
    assert.deepEqual(await readyIn(job.rollout), [
      ['migrate', 'ready'],
      ['web', 'ready'],
    ]);
  });

  it('is not run again by the promotion of the version that it came up for', async () => {
    const job = new JobRollout();
    job.standBeside();
    job.cleanAway();
    await writeAll(job.rollout);
    assert.deepEqual(job.written, ['web']);
    assert.deepEqual(await readyIn(job.rollout), [
      ['migrate', 'ready'],
      ['web', 'ready'],
    ]);
  });
});
