// One model's way from training to an answer, by the example's own pipelines.
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import type { Connection } from '../agent/endpoint-environment.ts';
import type { Services } from '../services/services.ts';
import { imageDigestOf } from './answering-pod.ts';
import { askFor, type Answer, type Picture } from './digits-service.ts';
import { layersOf, type Layer } from './image-layers.ts';
import type { Narrator, Told } from './narrator.ts';
import { megabytes, percent, shortDigest } from './readable.ts';
import { runExample, type ExampleRun } from './example-pipeline.ts';

const NAMESPACE = 'digits';

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

/** Delivers models one after the other. */
export class Delivery {
  readonly #surroundings: Surroundings;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Trains, publishes, bundles and rolls out a model, and asks the service what it sees in a picture. */
  async deliver({ version, samples, hidden }: Training, picture: Picture): Promise<Delivered> {
    const { narrator } = this.#surroundings;
    const publish = await narrator.stage('Train it, publish it', () =>
      this.#run('publish-model', { modelVersion: version, samples: String(samples), hidden }, (run) => {
        return `${percent(Number(run.output('train.accuracy')))} right on unseen digits`;
      }),
    );
    const commit = await narrator.stage('Commit pipeline: test, fetch, bundle', () =>
      this.#run('azure-pipelines', {}, (run) => {
        return `${shortDigest(run.output('bundle.imageDigest'))}, ${megabytes(Number(run.output('bundle.bytesSent')))} sent`;
      }),
    );
    const release = await narrator.stage('Release pipeline: roll out', () =>
      this.#run('azure-pipelines.release', { 'resources.pipeline.commit.runID': commit.buildId }, (run) => {
        return `at ${run.output('rollout.addresses')}`;
      }),
    );
    const address = hostOf(release.output('rollout.addresses'));
    const { answer, answeringDigest } = await narrator.stage('Ask the service', async () => {
      const said = await askFor(version, address, picture);
      const digest = await imageDigestOf(said.pod, NAMESPACE, this.#surroundings.services);
      requireSame('image', digest, commit.output('bundle.imageDigest'));
      requireSame('app commit', said.appCommit, commit.commit);
      const note = `a ${said.result}, ${percent(said.confidence)} sure, says model ${said.modelVersion}`;
      return { value: { answer: said, answeringDigest: digest }, note };
    });
    return {
      version,
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

  async #run(
    file: string,
    variables: Readonly<Record<string, string>>,
    noteOf: (run: ExampleRun) => string,
  ): Promise<Told<ExampleRun>> {
    const { services, connections, variables: everywhere } = this.#surroundings;
    const run = await runExample(file, {
      connections,
      variables: { ...everywhere, registry: services.registry.host, ...variables },
      secrets: { storageConnectionString: services.blob.connectionString },
    });
    return { value: run, note: noteOf(run) };
  }
}

function hostOf(addresses: string): string {
  const [first = ''] = addresses.split(',');
  return new URL(first).host;
}

/** What answers must be what was built: the demo's whole point. */
function requireSame(what: string, found: string, wanted: string): void {
  if (found === wanted) return;
  throw new DeliveryError('DEMO_WRONG_ANSWER', {
    message: `The ${what} behind the answer is ${found}, not ${wanted}.`,
    remedy: 'This should not happen: please report it with the logs of the run.',
  });
}
