import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureServices } from '../../tools/services/services.ts';
import { runTaskProcess } from '../support/packed-task.ts';
import { RolloutBench } from '../support/rollout-bench.ts';

const MANIFEST = `apiVersion: apps/v1
kind: Deployment
metadata: {name: bundled}
spec:
  selector: {matchLabels: {app: bundled}}
  template:
    metadata: {labels: {app: bundled}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: app
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /labels.json, port: 8080}, periodSeconds: 1}
`;

describe('an image of BundleModelImage', () => {
  let bench: RolloutBench;
  let folder = '';
  before(async function () {
    this.timeout('15m');
    bench = await RolloutBench.open();
    folder = mkdtempSync(join(tmpdir(), 'bundled-'));
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await bench.close();
  });

  it('starts on Kubernetes and serves the model that is in it', async function () {
    this.timeout('120s');
    const { registry } = await ensureServices(['registry']);
    mkdirSync(join(folder, 'app'));
    writeFileSync(join(folder, 'app', 'run.sh'), '#!/bin/sh\nexec httpd -f -p 8080 -h /model\n', { mode: 0o755 });
    mkdirSync(join(folder, 'model'));
    writeFileSync(join(folder, 'model', 'labels.json'), '["zero","one"]\n');
    const bundled = await runTaskProcess({
      task: 'BundleModelImage',
      inputs: {
        repository: `${registry.host}/bundled/${randomUUID()}`,
        tags: 'latest',
        baseImage: bench.images[0],
        appFolder: join(folder, 'app'),
        modelFolder: join(folder, 'model'),
        entrypoint: '/app/run.sh',
      },
      variables: { SOURCE_DATE_EPOCH: '1764000000' },
    });
    assert.equal(bundled.result, 'Succeeded', bundled.log);
    // Ready means that the model was served: the probe asks for one of its files.
    const { result, log } = await bench.rollOut(MANIFEST, { images: `app=${bundled.outputs.image ?? ''}` });
    assert.equal(result, 'Succeeded', log);
  });
});
