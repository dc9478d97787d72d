// One model's way from training to an answer, by the example's own pipelines, told as the steps of the tutorial.
import { join } from 'node:path';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { findSources } from '../agent/checkout.ts';
import type { Connection } from '../agent/endpoint-environment.ts';
import { ask } from '../services/commands.ts';
import type { Services } from '../services/services.ts';
import { imageDigestOf } from './answering-pod.ts';
import { askFor, type Answer, type Picture } from './digits-service.ts';
import { layersOf, type Layer } from './image-layers.ts';
import type { Narrator, Step } from './narrator.ts';
import { megabytes, percent, shortDigest } from './readable.ts';
import { EXAMPLE, runExample, type ExampleRun } from './example-pipeline.ts';
import { NAMESPACE } from './namespace.ts';
import {
  ANSWER,
  BUILD,
  BUNDLE,
  COMMIT,
  DEPLOY,
  DEVELOP,
  PUBLISH,
  PUSH,
  REQUEST,
  SCHEDULE,
  TRAIN,
} from './tutorial-steps.ts';

/** Where a delivery takes place. */
export interface Surroundings {
  readonly services: Omit<Services, 's3'>;
  readonly connections: readonly Connection[];
  readonly narrator: Narrator;
  /** Variables of all pipelines. */
  readonly variables: Readonly<Record<string, string>>;
}

/** How a model is trained, and as what it is published. */
export interface Training {
  readonly version: string;
  readonly samples: number;
  /** Sizes of the hidden layers. */
  readonly hidden: string;
  /** Of what is random in training. */
  readonly seed: number;
}

/** What came of a delivery. */
export interface Delivered {
  readonly version: string;
  /** Share of unseen digits that the model gets right, from 0 to 1. */
  readonly accuracy: number;
  readonly layers: readonly Layer[];
  readonly bytesSent: number;
  readonly bytesReused: number;
  /** Host, and port if it has one, at which the service answers. */
  readonly address: string;
  readonly answer: Answer;
  /** Digest of the image that the answering pod runs. */
  readonly answeringDigest: string;
  readonly seconds: { readonly publish: number; readonly commit: number; readonly release: number };
}

/** Delivers models one after the other, each by the steps of the tutorial. */
export class Delivery {
  readonly #surroundings: Surroundings;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Steps 1 and 2, which come before any model: the app as it is now, and its commit. */
  async develop(): Promise<void> {
    const { narrator, variables } = this.#surroundings;
    await narrator.step(DEVELOP, async () => ({ value: undefined, note: await unitTests(variables.python ?? '') }));
    await narrator.step(COMMIT, async () => {
      const { commit } = await findSources(EXAMPLE, { workingTree: false, exact: false });
      return { value: undefined, note: `commit ${commit.slice(0, 12)}` };
    });
  }

  /** Steps 3 to 11: trains, publishes, bundles and rolls out a model, and asks the service what it sees in a picture. */
  async deliver(training: Training, picture: Picture): Promise<Delivered> {
    const publish = await this.#publish(training);
    const commit = await this.#commit();
    const release = await this.#release();
    const address = hostOf(release.output('rollout.addresses'));
    const { answer, answeringDigest } = await this.#ask(training.version, address, picture, commit);
    return {
      version: training.version,
      accuracy: Number(publish.output('train.accuracy')),
      layers: await layersOf(commit.output('bundle.image')),
      bytesSent: Number(commit.output('bundle.bytesSent')),
      bytesReused: Number(commit.output('bundle.bytesReused')),
      address,
      answer,
      answeringDigest,
      seconds: { publish: publish.seconds, commit: commit.seconds, release: release.seconds },
    };
  }

  #publish({ version, samples, hidden, seed }: Training): Promise<ExampleRun> {
    const parameters = { version, samples: String(samples), hidden, seed: String(seed) };
    return this.#pipeline([TRAIN, PUBLISH], 'publish-model', parameters, (run) => [
      ['publish', `${percent(Number(run.output('train.accuracy')))} right on unseen digits`],
      [undefined, `version ${version}, which is what latest names now`],
    ]);
  }

  #commit(): Promise<ExampleRun> {
    return this.#pipeline([BUILD, BUNDLE, PUSH], 'azure-pipelines', {}, (run) => [
      ['model', `run ${run.buildId}, tests passed`],
      [
        'test',
        `${megabytes(Number(run.output('bundle.bytesSent')))} sent, ${megabytes(Number(run.output('bundle.bytesReused')))} were there`,
      ],
      [
        undefined,
        `${run.output('test.passed')} checks passed, latest is ${shortDigest(run.output('bundle.imageDigest'))}`,
      ],
    ]);
  }

  #release(): Promise<ExampleRun> {
    return this.#pipeline([SCHEDULE, DEPLOY], 'azure-pipelines.release', {}, (run) => [
      ['rollout', `${shortDigest(run.output('latest.imageDigest'))}, not what runs`],
      [undefined, `${run.output('rollout.result')}, ${run.output('test.passed')} checks of its address passed`],
    ]);
  }

  /** Asks, and makes sure that what answers is what was built: the demo's whole point. */
  async #ask(
    version: string,
    address: string,
    picture: Picture,
    commit: ExampleRun,
  ): Promise<Pick<Delivered, 'answer' | 'answeringDigest'>> {
    const { narrator, services } = this.#surroundings;
    await narrator.step(REQUEST, () => Promise.resolve({ value: undefined, note: `http://${address}` }));
    return narrator.step(ANSWER, async () => {
      const answer = await askFor(version, address, picture);
      const answeringDigest = await imageDigestOf(answer.pod, NAMESPACE, services);
      requireSame('image', answeringDigest, commit.output('bundle.imageDigest'));
      requireSame('app commit', answer.appCommit, commit.commit);
      const note = `a ${answer.result}, ${percent(answer.confidence)} sure, says model ${answer.modelVersion}`;
      return { value: { answer, answeringDigest }, note };
    });
  }

  /**
   * Runs a pipeline and tells it as steps of the tutorial.
   *
   * @param parts for each, the name of the pipeline's step with which the next one begins, and what to say of it
   */
  #pipeline(
    steps: readonly Step[],
    file: string,
    parameters: Readonly<Record<string, string>>,
    parts: (run: ExampleRun) => readonly (readonly [string | undefined, string])[],
  ): Promise<ExampleRun> {
    const { services, connections, narrator, variables } = this.#surroundings;
    return narrator.steps(steps, async () => {
      const run = await runExample(file, {
        connections,
        parameters,
        variables: { ...variables, registry: services.registry.host },
        secrets: { storageConnectionString: services.blob.connectionString },
      });
      let begin = 0;
      const told = parts(run).map(([next, note]) => {
        const end = next === undefined ? run.steps.length : run.steps.findIndex(({ name }) => name === next);
        const seconds = run.steps.slice(begin, end).reduce((sum, step) => sum + step.seconds, 0);
        begin = end;
        return { seconds, note };
      });
      return { value: run, told };
    });
  }
}

/** Runs the app's unit tests on this machine, as its developer does. */
async function unitTests(python: string): Promise<string> {
  const summary = await ask(python, ['-B', '-m', 'pytest', '-q', '-p', 'no:cacheprovider', join(EXAMPLE, 'tests')]);
  const [, passed] = /(\d+) passed/.exec(summary ?? '') ?? [];
  if (passed !== undefined) return `${passed} unit tests pass`;
  throw new DeliveryError('DEMO_TESTS_FAILED', {
    message: 'The unit tests of the app fail.',
    remedy: `Run ${python} -m pytest ${join(EXAMPLE, 'tests')} to see which.`,
  });
}

function hostOf(addresses: string): string {
  const [first = ''] = addresses.split(',');
  return new URL(first).host;
}

function requireSame(what: string, found: string, wanted: string): void {
  if (found === wanted) return;
  throw new DeliveryError('DEMO_WRONG_ANSWER', {
    message: `The ${what} behind the answer is ${found}, not ${wanted}.`,
    remedy: 'This should not happen: please report it with the logs of the run.',
  });
}
