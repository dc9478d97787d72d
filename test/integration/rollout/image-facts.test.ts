import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Agent } from '../../../lib/agent/agent.ts';
import { Inputs } from '../../../lib/agent/inputs.ts';
import { ServiceConnections } from '../../../lib/agent/service-connections.ts';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import type { ImageFacts } from '../../../lib/kube/manifests/lineage.ts';
import { imageFacts } from '../../../tasks/RolloutToAKS/image-facts.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { ensureBusyboxImage } from '../../support/busybox-image.ts';
import { copiedImage } from '../../support/copied-image.ts';
import { startHtpasswdRegistry, type TestRegistry } from '../../support/test-registry.ts';

const LABELS = {
  'model-delivery.model.name': 'digits',
  'model-delivery.model.version': '7',
  'org.opencontainers.image.revision': 'c0ffee',
};

describe('the facts about an image', () => {
  let registry: TestRegistry;
  let image: string;
  const dispatcher = createDispatcher();

  before(async function () {
    this.timeout('10m');
    const services = await ensureServices(['registry', 'docker']);
    registry = await startHtpasswdRegistry();
    const original = await ensureBusyboxImage(services, '1');
    image = await copiedImage({
      image: original,
      to: `${registry.host}/${randomUUID()}`,
      labels: LABELS,
      login: registry,
    });
  });

  after(async () => {
    await dispatcher.close();
    await registry.stop();
  });

  /** What is known of one image, and what the log says. */
  async function factsOf(
    name: string,
    inputs: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly facts: ImageFacts | undefined; readonly log: string }> {
    const lines: string[] = [];
    const parameters: Readonly<Record<string, string>> = {
      registry: `http://${registry.host}`,
      username: registry.username,
      password: registry.password,
    };
    const agent = {
      inputs: new Inputs((input) => inputs[input]),
      connections: new ServiceConnections({
        url: () => undefined,
        scheme: () => 'UsernamePassword',
        parameter: (_, key) => parameters[key],
        data: () => undefined,
      }),
      signal: AbortSignal.timeout(60_000),
      // No login that somebody may have left on this machine.
      variable: (variable: string) => (variable === 'DOCKER_CONFIG' ? '/nowhere' : undefined),
      hide: () => undefined,
      log: (line: string) => lines.push(line),
    } as unknown as Agent;
    return { facts: (await imageFacts(agent, [name], dispatcher))(name), log: lines.join('\n') };
  }

  it('are its digest and what its labels say, read with the registry connection', async () => {
    assert.deepEqual(await factsOf(image, { registryConnection: 'shop' }), {
      facts: {
        'model-delivery.image.digest': image.replace(/.*@/, ''),
        'model-delivery.model.name': 'digits',
        'model-delivery.model.version': '7',
        'model-delivery.app.revision': 'c0ffee',
      },
      log: '',
    });
  });

  it('are its digest alone where its registry does not tell, and the log says why', async () => {
    const missing = `@sha256:${'0'.repeat(64)}`;
    for (const [name, inputs, why] of [
      [image, {}, /wants credentials/],
      [image.replace(/@.*/, missing), { registryConnection: 'shop' }, /does not exist/],
      [`127.0.0.1:9/digits${missing}`, {}, /127\.0\.0\.1:9/],
    ] as const) {
      const { facts, log } = await factsOf(name, inputs);
      assert.deepEqual(facts, { 'model-delivery.image.digest': name.replace(/.*@/, '') });
      assert.match(log, why);
    }
  });

  it('are not asked for by a tag, which may be another image tomorrow', async () => {
    assert.deepEqual(await factsOf(`${registry.host}/digits:latest`), { facts: undefined, log: '' });
  });
});
