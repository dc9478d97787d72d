import assert from 'node:assert/strict';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { readPipeline } from '../../../tools/agent/pipeline-file.ts';
import type { Pipeline } from '../../../tools/agent/pipeline-model.ts';
import { templateFiles } from '../../../tools/agent/template-files.ts';

const read = (text: string, parameters: Record<string, string> = {}): Pipeline =>
  readPipeline({ file: 'p.yml', text, parameters, variables: {}, templates: templateFiles({}) });
const jobsOf = (text: string) => read(text).stages.flatMap(({ jobs }) => jobs);

describe('a pipeline file', () => {
  it('may hold steps alone; the sources are checked out first', () => {
    const [job] = jobsOf('steps:\n- script: echo hi\n');
    assert.deepEqual(
      job?.steps.map(({ kind }) => kind),
      ['checkout', 'script'],
    );
  });

  it('checks nothing out where a step says so, or in a deployment', () => {
    const [plain, deployment] = jobsOf(
      'jobs:\n- job: a\n  steps: [{checkout: none}]\n' +
        '- deployment: b\n  environment: {name: prod}\n  strategy: {runOnce: {deploy: {steps: [{script: x}]}}}\n',
    );
    assert.deepEqual([plain?.steps.length, deployment?.steps.length, deployment?.environment], [1, 1, 'prod']);
  });

  it('takes every scalar as text', () => {
    const { variables } = read('variables: { version: 1.10, on: yes, none: }\nsteps: [{script: x}]');
    assert.deepEqual(
      variables.map(({ value }) => value),
      ['1.10', 'yes', ''],
    );
  });

  it('runs a stage after the one above it, jobs in the order of dependsOn', () => {
    const { stages } = read(
      'stages:\n- stage: a\n  jobs: [{job: z, dependsOn: y, steps: [{script: x}]}, {job: y, steps: [{script: x}]}]\n' +
        '- stage: b\n  jobs: [{job: y, steps: [{script: x}]}]\n',
    );
    assert.deepEqual(stages[1]?.dependsOn, ['a']);
    assert.deepEqual(
      stages[0]?.jobs.map(({ name }) => name),
      ['y', 'z'],
    );
  });

  it('names what has no effect on this machine', () => {
    assert.deepEqual(read('trigger: none\npool: x\nschedules: []\nsteps: [{script: x}]').unused, [
      'trigger',
      'schedules',
      'pool',
    ]);
  });

  it('has its template expressions replaced by parameters and by the variables above', () => {
    const [, step] =
      jobsOf(
        'parameters: [{name: p, default: 1, type: number}]\nvariables: {a: "x${{ parameters.p }}", b: "${{ variables.a }}y"}\n' +
          'steps: [{script: "echo ${{ variables.b }} ${{ upper(variables.a) }}"}]',
      )[0]?.steps ?? [];
    assert.equal(step?.kind === 'script' ? step.script : '', 'echo x1y X1');
  });

  for (const [title, text, message] of [
    [
      'a mistyped keyword',
      'steps:\n- script: x\n  contition: always()',
      /^p\.yml:3: .*"contition".*Did you mean condition/,
    ],
    ['a key that stands twice', 'steps:\n- script: x\n  script: y', /^p\.yml:3: the YAML does not parse: .*unique/],
    ['YAML that is none', 'steps:\n- script: "x', /^p\.yml:2: the YAML does not parse/],
    ['a variable group', 'variables:\n- group: g\nsteps: [{script: x}]', /^p\.yml:2: "group" .* is not supported/],
    ['powershell', 'steps:\n- pwsh: x', /^p\.yml:2: "pwsh" .* is not supported/],
    [
      'a matrix',
      'jobs:\n- job: a\n  strategy: {matrix: {}}\n  steps: [{script: x}]',
      /^p\.yml:3: "strategy" .* is not/,
    ],
    [
      'an alias',
      'variables: &v {a: b}\njobs:\n- job: a\n  variables: *v\n  steps: [{script: x}]',
      /^p\.yml:4: .*alias/,
    ],
    ['a bad condition', 'steps:\n- script: x\n  condition: suceeded()', /^p\.yml:3: .*no function suceeded/],
    ['a bad runtime expression', 'variables:\n  a: $[ eq(1) ]\nsteps: [{script: x}]', /^p\.yml:2: .*takes 2 arguments/],
    ['an unknown parameter', 'steps:\n- script: ${{ parameters.nope }}', /^p\.yml:2: .*no parameter nope/],
    ['an unknown dependency', 'jobs:\n- job: a\n  dependsOn: b\n  steps: [{script: x}]', /^p\.yml:2: a depends on b/],
    [
      'two jobs of one name',
      'jobs:\n- job: a\n  steps: [{script: x}]\n- job: A\n  steps: [{script: x}]',
      /^p\.yml:4: .*two of the name A/,
    ],
    ['two steps of one name', 'steps:\n- script: x\n  name: a\n- script: x\n  name: a', /two steps have the name a/],
    ['a task without version', 'steps:\n- task: Echo', /^p\.yml:2: "Echo" names no task and version/],
    ['no steps', 'trigger: none', /^p\.yml:1: the pipeline has no steps/],
    ['a flag that is none', 'steps:\n- script: x\n  enabled: maybe', /^p\.yml:3: "maybe" is neither true nor false/],
    ['a step of two kinds', 'steps:\n- script: x\n  bash: y', /^p\.yml:2: the step is both script and bash/],
    ['another repository', 'steps:\n- checkout: git://other', /^p\.yml:2: checkout of .* is not supported/],
    [
      'a list of parameters that is none',
      'parameters: {a: b}\nsteps: [{script: x}]',
      /^p\.yml:1: parameters must be a list/,
    ],
    [
      'a parameter of an unknown type',
      'parameters:\n- {name: a, type: text, default: x}\nsteps: [{script: x}]',
      /^p\.yml:2: the type "text"/,
    ],
    ['a parameter without a value', 'parameters:\n- name: a\nsteps: [{script: x}]', /^p\.yml:2: .*a has no default/],
  ] as const) {
    it(`with ${title} is refused, with its line`, () => {
      assert.throws(
        () => read(text),
        (error) => {
          assert.ok(error instanceof DeliveryError, String(error));
          assert.match(`${error.message} ${error.remedy}`, message);
          return true;
        },
      );
    });
  }

  it('takes no parameter that it does not declare', () => {
    assert.throws(
      () => read('parameters: [{name: who, default: x}]\nsteps: [{script: x}]', { wo: 'y' }),
      (error) =>
        error instanceof DeliveryError && error.code === 'PARAMETER_UNKNOWN' && error.remedy === 'Did you mean who?',
    );
  });
});
