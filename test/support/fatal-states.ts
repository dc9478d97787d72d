// The ways in which a new version never becomes ready, each provoked for real.
import { serveAdmissionWebhook } from './admission-webhook.ts';
import type { Judgement } from './admission-webhook.ts';
import type { TaskProcessResult } from './packed-task.ts';
import { KINDS, RolloutBench } from './rollout-bench.ts';
import type { RolloutParts } from './rollout-bench.ts';
import { startHtpasswdRegistry } from './test-registry.ts';
import { APP, BALANCER, SERVE, SETTINGS, web } from './web-app.ts';

/** Rolls something out over {@link APP}, with other settings beside it. */
type RollOut = (manifest: string, parts?: RolloutParts) => Promise<TaskProcessResult>;

/** One way in which a new version never becomes ready. */
export interface FatalState {
  readonly title: string;
  readonly attempt: (rollOut: RollOut, bench: RolloutBench) => Promise<TaskProcessResult>;
  readonly code: string;
  readonly result?: string;
  /** What the error must say. */
  readonly says: RegExp;
  /** Evidence and advice that the log must show. */
  readonly shows: readonly RegExp[];
}

/** A secret variable of the pipeline, which an app tells in its log. */
export const SECRET = 'open-sesame-4711';
const SIXTY_LINES = 'i=1; while test $i -le 60; do echo word $i; i=$((i+1)); done';

/** All of them; the slow ones first, so that those who run them side by side lose no time. */
export const FATAL_STATES: readonly FatalState[] = [
  {
    title: 'a node selector that no node has',
    attempt: (rollOut) => rollOut(web({ pod: '      nodeSelector: {disk: fast}\n' })),
    code: 'POD_UNSCHEDULABLE',
    says: /No node takes pod web-\S+: .*match.*node/,
    shows: [/not scheduled: /, /→ Add nodes, .*nodeSelector/],
  },
  {
    title: 'nothing but time that runs out, and the version is to be kept',
    attempt: (rollOut) =>
      rollOut(web({ command: 'sleep 1000' }), { inputs: { timeoutMinutes: '1', onFailure: 'keep' } }),
    code: 'ROLLOUT_TIMEOUT',
    result: 'kept',
    says: /Not ready: Deployment\/web \(1\/2 updated, .*\)/,
    shows: [/Pod web-\S+: running, but not ready/, /event Unhealthy: Readiness probe failed/],
  },
  {
    title: 'a liveness probe that fails',
    attempt: (rollOut) =>
      rollOut(
        web({
          path: '/broken',
          extra:
            '          livenessProbe: {httpGet: {path: /broken, port: 8080}, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 1}\n',
        }),
      ),
    code: 'CONTAINER_CRASHED',
    says: /Container app of pod web-\S+ ended with exit code 137/,
    shows: [/event Unhealthy: Liveness probe failed: .*404/, /→ Its liveness probe fails/],
  },
  {
    title: 'a readiness probe that fails until the progress deadline',
    attempt: (rollOut) => rollOut(web({ path: '/broken', spec: '  progressDeadlineSeconds: 45\n' })),
    code: 'PROGRESS_DEADLINE_EXCEEDED',
    says: /Deployment\/web made no progress within its progressDeadlineSeconds.*Readiness probe failed: .*404/,
    shows: [/Pod web-\S+: running, but not ready/, /event Unhealthy: Readiness probe failed: .*404/],
  },
  {
    title: 'an image that is not there',
    attempt: (rollOut, { images }) => rollOut(web(), { images: `app=${images[0].replace(/@.*/, ':missing')}` }),
    code: 'IMAGE_PULL_FAILED',
    says: /:missing of container app in pod web-\S+ cannot be pulled: .*manifest.*unknown/,
    // The wait ends with the kubelet's first word on the container; its event of the same words may come later.
    shows: [/Pod web-\S+: (ErrImagePull|ImagePullBackOff)/, /→ Push the image/],
  },
  {
    title: 'a registry that does not know the password',
    attempt: rollOutFromPrivateRegistry,
    code: 'IMAGE_PULL_FAILED',
    says: /cannot be pulled: .*(unauthorized|no basic auth)/,
    shows: [/→ Check that the image exists and that the cluster may pull it: .*imagePullSecret/],
  },
  {
    title: 'an app that ends at once',
    attempt: (rollOut) =>
      rollOut(
        web({ command: `${SIXTY_LINES}; echo ${SECRET}; echo "##vso[task.complete result=Succeeded]done"; exit 3` }),
        { variables: { password: { value: SECRET, secret: true } } },
      ),
    code: 'CONTAINER_CRASHED',
    says: /Container app of pod web-\S+ ended with exit code 3, \d times so far/,
    shows: [
      /container app: .*CrashLoopBackOff.*ended before with exit code 3/,
      /last lines of container app:\n {2}\| word 13\n[^]* {2}\| word 60\n/,
      /→ Read its last lines in the log/,
    ],
  },
  {
    title: 'an app that takes more memory than it may',
    attempt: (rollOut) =>
      rollOut(
        web({
          command: 'x=model; while true; do x=$x$x; done',
          extra: '          resources: {limits: {memory: 16Mi}}\n',
        }),
      ),
    code: 'CONTAINER_CRASHED',
    says: /exit code 137 \(OOMKilled\)/,
    shows: [/→ It needs more memory than resources\.limits\.memory/],
  },
  {
    title: 'a command that is not in the image',
    attempt: (rollOut) => rollOut(web().replace('[sh, -c, ', '[serve-model, ')),
    code: 'CONTAINER_CRASHED',
    says: /Container app of pod web-\S+ cannot be started: .*serve-model/,
    shows: [/→ Correct command and args/],
  },
  {
    title: 'a key that its ConfigMap does not have',
    attempt: (rollOut) =>
      rollOut(
        web({
          extra: '          env: [{name: SIZE, valueFrom: {configMapKeyRef: {name: settings, key: size}}}]\n',
        }),
      ),
    code: 'CONTAINER_CONFIG_INVALID',
    says: /couldn't find key size in ConfigMap/,
    shows: [/→ Create the Secret, ConfigMap or key that it names/],
  },
  {
    title: 'a volume of a Secret that is not there',
    attempt: (rollOut) =>
      rollOut(
        web({
          pod: '      volumes: [{name: keys, secret: {secretName: nowhere}}]\n',
          extra: '          volumeMounts: [{name: keys, mountPath: /keys}]\n',
        }),
      ),
    code: 'VOLUME_MOUNT_FAILED',
    says: /A volume of pod web-\S+ cannot be mounted: .*secret "nowhere" not found/,
    shows: [/→ Create the Secret or ConfigMap that the volume names/],
  },
  {
    title: 'a volume claim that is not there',
    attempt: (rollOut) =>
      rollOut(web({ pod: '      volumes: [{name: data, persistentVolumeClaim: {claimName: nowhere}}]\n' })),
    code: 'VOLUME_MOUNT_FAILED',
    says: /A volume of pod web-\S+ cannot be mounted: .*persistentvolumeclaim "nowhere" not found/,
    shows: [/→ Create the PersistentVolumeClaim/],
  },
  {
    title: 'a quota that is used up',
    attempt: (rollOut, bench) => bench.underQuota({ pods: '2' }, () => rollOut(web({ command: `true; ${SERVE}` }))),
    code: 'PODS_NOT_CREATED',
    says: /refuses to create pods of Deployment\/web: .*exceeded quota: small/,
    shows: [/event FailedCreate: .*exceeded quota/, /→ Raise the ResourceQuota/],
  },
  {
    title: 'a service account that is not there',
    attempt: (rollOut) => rollOut(web({ pod: '      serviceAccountName: nobody\n' })),
    code: 'PODS_NOT_CREATED',
    says: /refuses to create pods of Deployment\/web: .*serviceaccount "nobody" not found/,
    shows: [/event FailedCreate: .*nobody/, /→ Correct what the cluster names: a service account/],
  },
  {
    title: 'a Job that fails',
    attempt: (rollOut) =>
      rollOut(`apiVersion: batch/v1
kind: Job
metadata: {name: doomed}
spec:
  backoffLimit: 0
  template:
    spec: {restartPolicy: Never, containers: [{name: app, image: app, command: [sh, -c, echo no data to train on; exit 4]}]}
`),
    code: 'JOB_FAILED',
    says: /Job\/doomed has failed \(BackoffLimitExceeded/,
    shows: [/container app: ended with exit code 4/, / {2}\| no data to train on/],
  },
  {
    title: 'a webhook that denies the third object after it let the dry run pass',
    attempt: (rollOut, bench) => rollOutBeforeWebhook(rollOut, bench, 'deny'),
    code: 'APPLY_REFUSED',
    says: /does not accept Deployment\/web .*images must be signed/,
    shows: [/ConfigMap\/settings changed/],
  },
  {
    title: 'a webhook that answers nonsense',
    attempt: (rollOut, bench) => rollOutBeforeWebhook(rollOut, bench, 'nonsense'),
    code: 'APPLY_REFUSED',
    says: /does not accept Deployment\/web .*failed calling webhook/,
    shows: [/ConfigMap\/settings changed/],
  },
];

/** The image is in a registry that asks who pulls, and is told the wrong password. */
async function rollOutFromPrivateRegistry(rollOut: RollOut): Promise<TaskProcessResult> {
  const registry = await startHtpasswdRegistry();
  const logins = { auths: { [registry.host]: { username: registry.username, password: 'wrong' } } };
  try {
    return await rollOut(
      `${web({ image: `${registry.host}/app:1`, pod: '      imagePullSecrets: [{name: login}]\n' })}---
apiVersion: v1
kind: Secret
metadata: {name: login}
type: kubernetes.io/dockerconfigjson
stringData: {.dockerconfigjson: ${JSON.stringify(JSON.stringify(logins))}}
`,
    );
  } finally {
    await registry.stop();
  }
}

/** A webhook lets the dry run of all three objects pass, and then not the last one's write. */
async function rollOutBeforeWebhook(
  rollOut: RollOut,
  bench: RolloutBench,
  judgement: Judgement,
): Promise<TaskProcessResult> {
  const name = `${judgement}-${bench.namespace}`;
  const { webhook, close } = await serveAdmissionWebhook(name, judgement);
  try {
    await bench.create(KINDS.webhook, { metadata: { name }, webhooks: [webhook] });
    return await rollOut(
      web({ command: `true; ${SERVE}` }).replace('{name: web}', `{name: web, labels: {judged-by: ${name}}}`),
    );
  } finally {
    await bench.remove(KINDS.webhook, name);
    await close();
  }
}

/** One state, provoked: how it went, and the namespace before and after. */
export interface Provoked {
  readonly run: TaskProcessResult;
  readonly before: unknown;
  readonly after: unknown;
}

/**
 * Provokes a state in a namespace of its own.
 *
 * @param watching looks on from when the version before runs
 */
export async function provoke(
  { attempt }: FatalState,
  watching?: (bench: RolloutBench) => Promise<RolloutParts>,
): Promise<Provoked> {
  const bench = await RolloutBench.open();
  try {
    await bench.begin(APP);
    const before = await bench.state();
    const watched = await watching?.(bench);
    const rollOut: RollOut = (manifest, parts) =>
      bench.rollOut(`${manifest}${SETTINGS.replace('hello', 'changed')}${BALANCER}`, { ...parts, ...watched });
    const run = await attempt(rollOut, bench);
    return { run, before, after: await bench.state() };
  } finally {
    await bench.close();
  }
}
