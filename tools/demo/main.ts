// npm run demo: the whole path of a model, twice, on real parts.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { ensureBaseImage } from '../services/base-image.ts';
import { ensureServices } from '../services/services.ts';
import { prepareContainer } from './model-container.ts';
import { prepareNamespace } from './namespace.ts';
import { ensureBuiltTasks } from './built-tasks.ts';
import { connectionsTo } from './connections.ts';
import { Delivery, type Delivered } from './delivery.ts';
import { drawn, type Picture } from './digits-service.ts';
import { EXAMPLE } from './example-pipeline.ts';
import { bytesOf, layersOnlyIn } from './image-layers.ts';
import { Narrator } from './narrator.ts';
import { ensurePython } from './python.ts';
import { nextRunNumber } from './run-number.ts';
import { megabytes, percent, shortDigest } from './readable.ts';
import { table } from './table.ts';

const narrator = new Narrator();

async function tell(): Promise<void> {
  const started = performance.now();
  const { input: picture } = JSON.parse(await readFile(join(EXAMPLE, 'two.json'), 'utf8')) as { input: Picture };
  narrator.say('A model and its app, from training to answers, on this machine: the eleven steps of the tutorial.\n');

  const services = await narrator.stage('Storage, registry, Docker and Kubernetes', async (progress) => {
    const running = await ensureServices(['blob', 'registry', 'docker', 'cluster'], progress);
    await prepareContainer(running);
    await prepareNamespace(running);
    return { value: running, note: 'up' };
  });
  const baseImage = await narrator.stage('Base image with Python', async (progress) => {
    const image = await ensureBaseImage(services, progress);
    return { value: image, note: image };
  });
  const python = await narrator.stage('Python with scikit-learn, to train with', async (progress) => {
    const found = await ensurePython(progress);
    return { value: found, note: found };
  });
  await narrator.stage('The tasks, packed as the agent gets them', async () => ({
    value: undefined,
    note: (await ensureBuiltTasks()) ? 'built' : 'up to date',
  }));

  const run = await nextRunNumber();
  const delivery = new Delivery({
    services,
    connections: await connectionsTo(services),
    narrator,
    variables: { python, baseImage, DOCKER_HOST: services.docker.host },
  });
  const [firstVersion, betterVersion] = [String(2 * run - 1), String(2 * run)];
  // Other content under other versions, however often it is run.
  const seed = run - 1;

  narrator.say(`\nThe eleven steps, with a model that has learnt from few digits`);
  await delivery.develop();
  const first = await delivery.deliver({ version: firstVersion, samples: 250, hidden: '64', seed }, picture);
  narrator.say(`\nSteps 3 to 11 again, with a model that has learnt from many`);
  const better = await delivery.deliver({ version: betterVersion, samples: 1347, hidden: '256,128', seed }, picture);

  const moved = layersOnlyIn(better.layers, first.layers);
  narrator.say('\nThe service was shown this picture of a 2:\n');
  for (const row of drawn(picture)) narrator.say(`     ${row}`);
  narrator.say();
  narrator.say(comparison(first, better));
  narrator.say(
    `\nFrom image to image ${moved.length} of ${better.layers.length} layers changed: the model's, ` +
      `${megabytes(bytesOf(moved))} of ${megabytes(bytesOf(better.layers))}. Base and app stayed where they were.`,
  );
  narrator.say(`Ask it yourself: curl http://${better.address}/version`);
  narrator.say(`Done in ${((performance.now() - started) / 1000).toFixed(0)} s.`);
}

/** The two deliveries side by side. */
function comparison(first: Delivered, better: Delivered): string {
  const row = (title: string, cell: (delivered: Delivered) => string): readonly string[] => [
    title,
    cell(first),
    cell(better),
  ];
  return table([
    row('', ({ version }) => `model ${version}`),
    row('Right on digits it never saw', ({ accuracy }) => percent(accuracy)),
    row('What it sees in the picture', ({ answer }) => `${answer.result}, ${percent(answer.confidence)} sure`),
    row('The answer came from model', ({ answer }) => answer.modelVersion),
    row('            from app commit', ({ answer }) => answer.appCommit.slice(0, 12)),
    row('            from image', ({ answeringDigest }) => shortDigest(answeringDigest)),
    row('            from pod', ({ answer }) => answer.pod),
    row('Sent to the registry', ({ bytesSent }) => megabytes(bytesSent)),
    row('Was there already', ({ bytesReused }) => megabytes(bytesReused)),
    row('Train and publish', ({ seconds }) => `${seconds.publish.toFixed(1)} s`),
    row('Commit pipeline: test, fetch, bundle', ({ seconds }) => `${seconds.commit.toFixed(1)} s`),
    row('Release pipeline: roll out', ({ seconds }) => `${seconds.release.toFixed(1)} s`),
  ]);
}

try {
  await tell();
} catch (error) {
  const known = error instanceof DeliveryError;
  narrator.say(known ? `\n${error.code}: ${error.message} ${error.remedy}` : `\n${String((error as Error).stack)}`);
  process.exit(1);
}
process.exit(0);
