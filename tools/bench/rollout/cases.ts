// What the rollout benchmark compares, and what each figure must be.
import { APP } from '../../../test/support/web-app.ts';
import { inRounds } from '../rounds.ts';
import { fasterThan, near, type Result } from '../result.ts';
import { DISTANCE, type Workbench } from './workbench.ts';

/** A part of the benchmark. */
export interface Case {
  readonly title: string;
  run(workbench: Workbench, rounds: number): Promise<readonly Result[]>;
}

/** A new image for two replicas; kubectl applies and then waits, as scripts do. */
async function update(workbench: Workbench, rounds: number): Promise<readonly Result[]> {
  const { ours, other } = workbench;
  await Promise.all([ours.begin(APP), other.begin(APP)]);
  const imageOf = (round: number): string => ours.images[round % 2 === 1 ? 1 : 0];
  const waits = ['rollout', 'status', 'deployment/web', '--timeout=5m'];
  const measures = await inRounds(rounds, {
    ours: async (round) => {
      await workbench.settle();
      return workbench.task(APP, { images: `app=${imageOf(round)}` });
    },
    // What the task made before belongs to the task; kubectl takes it over in its first run, which does not count.
    kubectl: async (round) => {
      await workbench.settle();
      return workbench.kubectl(APP.replaceAll('image: app', `image: ${imageOf(round)}`), [
        ['apply', '-f', 'FILE'],
        waits,
      ]);
    },
  });
  return [near({ title: 'Rolling update of 2 replicas, until all is ready', measures }, 'kubectl', 1)];
}

/** Objects that are ready when they are written: what is left is the applying itself. */
async function fifty(workbench: Workbench, rounds: number, isDistant: boolean): Promise<readonly Result[]> {
  const prefix = isDistant ? 'far' : 'near';
  const applied = [['apply', '--server-side', '-f', 'FILE']];
  const measures = await inRounds(rounds, {
    ours: (round) =>
      workbench.task(objects(50, `${prefix}-${round}`), { images: '', kubeconfig: workbench.kubeconfig(isDistant) }),
    kubectl: (round) => workbench.kubectl(objects(50, `${prefix}-${round}`), applied, { isDistant }),
  });
  const where = isDistant ? `${DISTANCE} ms away` : 'on the same machine';
  return [fasterThan({ title: `50 new objects, cluster ${where}`, measures }, 'kubectl', 3)];
}

/** ConfigMaps, Secrets and Services, as a larger application has them. */
function objects(count: number, prefix: string): string {
  const kinds = [
    (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {greeting: hello}\n`,
    (name: string) => `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}}\nstringData: {word: open-sesame}\n`,
    (name: string) =>
      `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n`,
  ];
  const documents = Array.from({ length: count }, (_, index) => kinds[index % 3]?.(`${prefix}-${index}`) ?? '');
  return documents.join('---\n');
}

export const CASES = {
  update: { title: 'Rolling update', run: update },
  fifty: { title: '50 objects', run: (workbench, rounds) => fifty(workbench, rounds, false) },
  far: { title: '50 objects, far away', run: (workbench, rounds) => fifty(workbench, rounds, true) },
} as const satisfies Readonly<Record<string, Case>>;

export type CaseName = keyof typeof CASES;
