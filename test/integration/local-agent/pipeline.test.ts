import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { runPipeline, type PipelineOptions, type PipelineResult } from '../../../tools/agent/pipeline.ts';

const TASKS = join(import.meta.dirname, '..', '..', 'support', 'tasks');

describe('a pipeline on this machine', () => {
  let folder: string;
  const runs: string[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pipeline-'));
  });
  afterEach(() => {
    for (const path of [folder, ...runs.splice(0)]) rmSync(path, { recursive: true, force: true });
  });

  /** Runs a pipeline and gives its result together with what was shown. */
  async function run(yaml: string, options: Partial<PipelineOptions> = {}): Promise<PipelineResult & { log: string }> {
    const file = join(folder, 'azure-pipelines.yml');
    writeFileSync(file, yaml);
    const lines: string[] = [];
    const onLine = (line: string): void => {
      lines.push(line);
      options.onLine?.(line);
    };
    const result = await runPipeline({ file, tasks: TASKS, ...options, onLine });
    runs.push(result.runFolder);
    return { ...result, log: lines.join('\n') };
  }

  const resultsOf = ({ steps }: PipelineResult): readonly string[] =>
    steps
      .filter(({ displayName }) => displayName !== 'Checkout')
      .map(({ displayName, result }) => `${displayName} ${result}`);

  for (const node of ['24', '20'] as const) {
    it(`runs packed tasks on Node ${node} and hands their outputs from step to job to stage`, async () => {
      const { result, log, outputs } = await run(
        `
stages:
  - stage: build
    jobs:
      - job: speak
        steps:
          - task: Echo@1
            name: echo
            inputs: { text: 'a b' }
          - script: echo same job $(echo.said)
      - job: listen
        dependsOn: speak
        variables: { heard: "$[ dependencies.speak.outputs['echo.said'] ]" }
        steps: [{ script: 'echo next job $(heard)' }]
  - stage: deploy
    condition: and(succeeded(), eq(dependencies.build.outputs['speak.echo.said'], 'A B'))
    variables: { heard: "$[ stageDependencies.build.speak.outputs['echo.said'] ]" }
    jobs:
      - deployment: out
        environment: production
        strategy: { runOnce: { deploy: { steps: [{ script: 'echo next stage $(heard) in $(Environment.Name)' }] } } }
`,
        { node },
      );
      assert.equal(result, 'Succeeded');
      assert.match(log, new RegExp(`node ${node}$`, 'm'));
      assert.match(log, /same job a b$/m);
      assert.match(log, /next job a b$/m);
      assert.match(log, /next stage a b in production$/m);
      assert.equal(outputs['echo.said'], 'a b');
    });
  }

  it('goes on after a failure only where a condition says so', async () => {
    const run1 = await run(`
steps:
  - { script: exit 3, displayName: breaks }
  - { script: 'true', displayName: usual }
  - { script: 'true', displayName: on failure, condition: failed() }
  - { script: 'true', displayName: always, condition: always() }
  - { script: 'true', displayName: off, enabled: false, condition: always() }
`);
    assert.equal(run1.result, 'Failed');
    assert.deepEqual(resultsOf(run1), [
      'breaks Failed',
      'usual Skipped',
      'on failure Succeeded',
      'always Succeeded',
      'off Skipped',
    ]);
  });

  it('forgives with continueOnError, tries again with retryCountOnTaskFailure', async () => {
    const { result, steps, log } = await run(`
steps:
  - { script: exit 1, continueOnError: true, displayName: forgiven }
  - script: 'if [ -e tried ]; then echo second; else touch tried; exit 1; fi'
    retryCountOnTaskFailure: 1
`);
    assert.equal(result, 'SucceededWithIssues');
    assert.deepEqual(
      steps.map((step) => step.result),
      ['Succeeded', 'SucceededWithIssues', 'Succeeded'],
    );
    assert.match(log, /^ {3}second$/m);
  });

  it('skips the jobs that depend on a failed one', async () => {
    const { result, log } = await run(`
jobs:
  - job: last
    dependsOn: broken
    steps: [{ script: echo unreached }]
  - job: rescue
    dependsOn: broken
    condition: in(dependencies.broken.result, 'Failed')
    steps: [{ script: echo rescued }]
  - job: broken
    steps: [{ script: exit 1 }]
`);
    assert.equal(result, 'Failed');
    assert.doesNotMatch(log, /^ {3}unreached/m);
    assert.match(log, /^ {3}rescued/m);
  });

  it('stops a step at its time limit, also one that will not hear', async () => {
    const started = performance.now();
    const { result, log } = await run(`
steps:
  - { script: "trap '' INT TERM; echo deaf; while true; do sleep 0.1; done", timeoutInMinutes: 0.01 }
`);
    assert.equal(result, 'Failed');
    assert.match(log, /took longer than its 0.01 minutes/);
    // It is given 10 s to end by itself.
    assert.ok(performance.now() - started >= 9_900);
  });

  it('that is cancelled stops its step and still runs what must always run', async () => {
    const cancel = new AbortController();
    const onLine = (line: string): void => {
      if (line.endsWith('waiting')) cancel.abort();
    };
    const cancelled = await run(
      `
steps:
  - { task: Echo@1, displayName: waits, inputs: { text: x, mode: wait } }
  - { script: 'true', displayName: usual }
  - { script: 'true', displayName: clean up, condition: always() }
`,
      { signal: cancel.signal, onLine },
    );
    assert.equal(cancelled.result, 'Canceled');
    assert.deepEqual(resultsOf(cancelled), ['waits Canceled', 'usual Skipped', 'clean up Succeeded']);
  });

  it('shows no secret, neither those given nor those that a step makes', async () => {
    const given = 'S3cret/+value';
    const shown = await run(
      `
steps:
  - script: |
      echo "##vso[task.setvariable variable=made;issecret=true]made-in-step"
      echo "env: \${TOKEN:-nothing} $TOKEN_IN"
    env: { TOKEN_IN: $(token) }
  - script: echo $(made) $(token) ${encodeURIComponent(given)}; echo "in the open \${MADE:-nothing}"
`,
      { secrets: { token: given } },
    );
    const kept = readFileSync(join(shown.runFolder, 'log.txt'), 'utf8') + JSON.stringify(shown);
    for (const secret of [given, encodeURIComponent(given), 'made-in-step']) assert.ok(!kept.includes(secret), secret);
    assert.match(shown.log, /env: nothing \*\*\*/);
    assert.match(shown.log, /in the open nothing/);
  });

  it('keeps summaries, attachments, artifacts, test results and tags in its folder', async () => {
    const { runFolder, buildTags, buildNumber } = await run(`
steps:
  - { task: Echo@1, name: echo, inputs: { text: hello } }
  - script: |
      echo result > r.xml; mkdir -p out/deep; echo 1 > out/deep/file
      echo "##vso[artifact.upload artifactname=drop]$PWD/out"
      echo "##vso[results.publish type=JUnit;resultFiles=$PWD/r.xml]"
      echo "##vso[build.addbuildtag]model-7"
      echo "##vso[build.updatebuildnumber]2.0"
    name: keep
`);
    const kept = (...path: readonly string[]): string => readFileSync(join(runFolder, ...path), 'utf8');
    assert.equal(kept('summaries', 'Job.echo', 'echo.md'), '# hello\n');
    assert.equal(kept('attachments', 'echo', 'Job.echo', 'facts'), '{"said":"hello"}');
    assert.equal(kept('artifacts', 'drop', 'deep', 'file'), '1\n');
    assert.equal(kept('test-results', 'Job.keep', 'r.xml'), 'result\n');
    assert.deepEqual([buildTags, buildNumber], [['model-7'], '2.0']);
    assert.ok(!existsSync(join(runFolder, 'work')));
  });

  it('checks out what is committed, or on demand what lies there', async () => {
    const git = (...args: readonly string[]): string =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: folder, encoding: 'utf8' });
    git('init', '-q', '-b', 'main');
    writeFileSync(join(folder, 'app.txt'), 'committed');
    git('add', '.');
    git('commit', '-q', '-m', 'first');
    const commit = git('rev-parse', 'HEAD').trim();
    writeFileSync(join(folder, 'app.txt'), 'changed');
    const yaml = 'steps: [{ script: "cat app.txt; echo; echo $(Build.SourceVersion) $(Build.SourceBranchName)" }]';
    assert.match((await run(yaml)).log, new RegExp(`^ {3}committed\\n {3}${commit} main$`, 'm'));
    assert.match((await run(yaml, { workingTree: true })).log, new RegExp(`^ {3}changed\\n {3}${commit} main$`, 'm'));
  });

  it('takes templates from its own folder and from other repositories', async () => {
    const shared = mkdtempSync(join(tmpdir(), 'shared-'));
    runs.push(shared);
    writeFileSync(
      join(shared, 'base.yml'),
      'parameters: [{name: own, type: stepList}]\nsteps:\n- ${{ parameters.own }}\n',
    );
    writeFileSync(
      join(folder, 'say.yml'),
      'parameters: [{name: what}]\nsteps: [{script: "echo ${{ parameters.what }}"}]',
    );
    const { log, result } = await run(
      `
extends:
  template: base.yml@shared
  parameters:
    own:
      - template: say.yml
        parameters: { what: hello }
`,
      { repositories: { shared } },
    );
    assert.equal(result, 'Succeeded');
    assert.match(log, /^ {3}hello$/m);
  });

  it('takes parameters, and variables from outside before those of the file', async () => {
    const { log } = await run(
      `
parameters: [{ name: who, type: string, default: nobody, values: [nobody, you] }, { name: loud, type: boolean, default: false }]
variables: { greeting: hello, whom: "\${{ parameters.who }}" }
steps:
  - { script: 'echo $(greeting) $(whom) \${{ variables.greeting }}' }
  - { script: echo loud, condition: "eq(\${{ parameters.loud }}, true)" }
`,
      { parameters: { who: 'you' }, variables: { greeting: 'good day' } },
    );
    assert.match(log, /^ {3}good day you good day$/m);
    assert.doesNotMatch(log, /^ {3}loud/m);
  });

  for (const [title, yaml, message] of [
    ['an unknown task', 'steps:\n- task: Ecko@1', /yml:2: there is no packed task Ecko .*Did you mean Echo/],
    ['another version of a task', 'steps:\n- task: Echo@2', /yml:2: the packed task Echo has version 1\.2\.3, not 2/],
    [
      'an unknown input',
      'steps:\n- task: Echo@1\n  inputs: { txt: x }',
      /yml:2: Echo has no input txt.*Did you mean text/,
    ],
    [
      'an unknown connection',
      'steps:\n- task: Echo@1\n  inputs: { text: x, cluster: mine }',
      /yml:2: .*"mine", which does not/,
    ],
    ['a missing input', 'steps:\n- script: x\n- task: Echo@1', /yml:3: Echo needs its input text/],
  ] as const) {
    it(`does not begin with ${title}`, async () => {
      await assert.rejects(
        run(yaml),
        (error) => error instanceof DeliveryError && message.test(`${error.message} ${error.remedy}`),
      );
    });
  }
});
