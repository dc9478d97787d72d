import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { holds } from '../../../tools/agent/expression.ts';
import { readPipeline } from '../../../tools/agent/pipeline-file.ts';
import type { Pipeline } from '../../../tools/agent/pipeline-model.ts';
import { templateFiles } from '../../../tools/agent/template-files.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const SHARED = `
    unitTests: [{ script: pytest }]
    registry: { registryConnection: r }
    image: { repository: app, baseImage: base }
    imageTests: { checks: / contains healthy }
`;
const RELEASE = `
    newest: { registryConnection: r, repository: app }
    cluster: { connectionType: azureResourceManager, clusterSubscription: a, resourceGroup: g, cluster: c }
    namespace: n
    workload: deployment/app
    manifests: m/*.yml
`;
const PARAMETERS: Readonly<Record<string, string>> = {
  commit: `${SHARED}    model: { container: c }\n`,
  'pull-request': `${SHARED}    model: { container: c }\n`,
  'model-release': `${SHARED}    store: { container: c }\n    newest: { repository: app }\n`,
  'nightly-release': RELEASE,
  'staged-release': `${RELEASE}    application: app\n`,
};

const extended = (template: string, parameters: string): Pipeline =>
  readPipeline({
    file: '/elsewhere/p.yml',
    text: `extends:\n  template: templates/${template}.yml@model-delivery\n  parameters:${parameters}`,
    parameters: {},
    variables: {},
    templates: templateFiles({ 'model-delivery': ROOT }),
  });

/** The tasks of a pipeline with their inputs, in order. */
const tasksOf = ({ stages }: Pipeline) =>
  stages.flatMap(({ jobs }) =>
    jobs.flatMap(({ steps }) => steps.flatMap((step) => (step.kind === 'task' ? step : []))),
  );

describe('the templates of the project', () => {
  it('are all tried here', () => {
    const names = globSync('*.yml', { cwd: join(ROOT, 'templates') }).map((file) => file.replace('.yml', ''));
    assert.deepEqual(names.sort(), Object.keys(PARAMETERS).sort());
  });

  for (const [template, parameters] of Object.entries(PARAMETERS)) {
    it(`${template} can be extended, and gives its tasks only inputs that they have`, () => {
      for (const { task, inputs } of tasksOf(extended(template, parameters))) {
        const definition = JSON.parse(readFileSync(join(ROOT, 'tasks', task, 'task.json'), 'utf8')) as {
          readonly inputs: readonly { readonly name: string; readonly aliases?: readonly string[] }[];
        };
        const known = definition.inputs.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
        assert.deepEqual(
          Object.keys(inputs).filter((name) => !known.includes(name)),
          [],
          task,
        );
      }
    });
  }

  it('pull-request pushes nothing and moves no tag', () => {
    const bundles = tasksOf(extended('pull-request', PARAMETERS['pull-request'] ?? '')).filter(
      ({ task }) => task === 'BundleModelImage',
    );
    assert.deepEqual(
      bundles.map(({ inputs }) => inputs.output),
      ['docker'],
    );
  });

  it('commit moves tags after the tests of the image, and of none else', () => {
    const tasks = tasksOf(extended('commit', `${PARAMETERS.commit ?? ''}    tags: stable\n`));
    assert.deepEqual(
      tasks.map(({ task, inputs }) => [task, inputs.tags, inputs.image]),
      [
        ['FetchLatestModel', undefined, undefined],
        ['BundleModelImage', '$(Build.BuildId)', undefined],
        ['TestModelImage', undefined, '$(bundle.image)'],
        ['BundleModelImage', 'stable', '$(bundle.image)'],
      ],
    );
  });

  it('staged-release takes a canary away whose promotion is refused, and only one that waits', () => {
    const { stages } = extended('staged-release', PARAMETERS['staged-release'] ?? '');
    const runs = (stage: string, canary: string, promotion: string): boolean => {
      const outputs = { 'Canary.Canary.rollout.result': canary };
      const values = { dependencies: { Canary: { result: 'Succeeded', outputs }, Promote: { result: promotion } } };
      const status = {
        succeeded: () => true,
        failed: () => false,
        succeededOrFailed: () => true,
        canceled: () => false,
      };
      const condition = stages.find(({ name }) => name === stage)?.condition;
      return condition !== undefined && holds(condition, { values, status });
    };
    assert.ok(runs('Promote', 'waiting', ''));
    assert.ok(!runs('Promote', 'deployed', ''), 'the first release has nothing to stand beside');
    assert.ok(runs('Reject', 'waiting', 'Failed'));
    assert.ok(runs('Reject', 'waiting', 'Skipped'), 'nobody has approved it in time');
    assert.ok(!runs('Reject', 'waiting', 'Succeeded'));
    assert.ok(!runs('Reject', 'deployed', 'Skipped'));
  });

  it('nightly-release releases on demand what is deployed already, and under another name', () => {
    const [usual, always] = ['', '    always: true\n    manifestImage: web\n'].map((more) => {
      const { stages } = extended('nightly-release', `${RELEASE}${more}`);
      const release = stages.flatMap(({ jobs }) => jobs).find(({ name }) => name === 'Release');
      const rollout = release?.steps.find((step) => step.kind === 'task');
      return [release?.condition.text, rollout?.kind === 'task' ? rollout.inputs.images : ''];
    });
    assert.match(usual?.[0] ?? '', /newest\.changed/);
    assert.deepEqual([usual?.[1], always], ['$(image)', ['succeeded()', 'web=$(image)']]);
  });
});
