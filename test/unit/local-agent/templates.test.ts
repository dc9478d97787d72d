import assert from 'node:assert/strict';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { readPipeline } from '../../../tools/agent/pipeline-file.ts';
import type { Pipeline, Step } from '../../../tools/agent/pipeline-model.ts';

type Files = Readonly<Record<string, string>>;

/** Reads `/repo/p.yml`; templates lie in `/repo`, and in `/shared` as those of the repository `shared`. */
const read = (files: Files, parameters: Files = {}, variables: Files = {}): Pipeline =>
  readPipeline({
    file: '/repo/p.yml',
    text: files['/repo/p.yml'] ?? '',
    parameters,
    variables,
    templates: { repositories: { self: '/repo', shared: '/shared' }, read: (path) => files[path] },
  });

/** What the scripts of a pipeline's steps say, and the tasks that it calls. */
const saidBy = ({ stages }: Pipeline): readonly string[] =>
  stages.flatMap(({ jobs }) => jobs.flatMap(({ steps }) => steps.flatMap(said)));

function said(step: Step): readonly string[] {
  if (step.kind === 'checkout') return [];
  return [step.kind === 'script' ? step.script : `${step.task} ${JSON.stringify(step.inputs)}`];
}

const steps = (text: string, parameters: Files = {}): readonly string[] =>
  saidBy(read({ '/repo/p.yml': text }, parameters));

describe('template expressions of a pipeline', () => {
  it('insert steps under a condition', () => {
    const yaml = `
parameters: [{ name: how, default: long, values: [long, short, none] }]
steps:
- \${{ if eq(parameters.how, 'long') }}:
  - script: one
  - script: two
- \${{ elseif eq(parameters.how, 'short') }}:
  - script: one
- \${{ else }}:
  - script: nothing
- script: end
`;
    assert.deepEqual(steps(yaml), ['one', 'two', 'end']);
    assert.deepEqual(steps(yaml, { how: 'short' }), ['one', 'end']);
    assert.deepEqual(steps(yaml, { how: 'none' }), ['nothing', 'end']);
  });

  it('insert entries of mappings under a condition, two chains of them', () => {
    const yaml = `
parameters: [{ name: test, type: boolean, default: false }]
variables:
  \${{ if parameters.test }}: { a: tested }
  \${{ else }}: { a: untested }
  \${{ if not(parameters.test) }}: { b: too }
  \${{ else }}: { b: not }
steps: [{ script: "\${{ variables.a }} \${{ variables.b }}" }]
`;
    assert.deepEqual(steps(yaml), ['untested too']);
    assert.deepEqual(steps(yaml, { test: 'True' }), ['tested not']);
  });

  it('repeat steps for each entry of a list, and know the entries of mappings in it', () => {
    const yaml = `
parameters:
- name: models
  type: object
  default: [{ name: digits, tags: [a, b] }, { name: letters, tags: [] }]
steps:
- \${{ each model in parameters.models }}:
  - script: \${{ model.name }}
  - \${{ each tag in model.tags }}:
    - script: \${{ model.name }}:\${{ tag }} of \${{ length(model.tags) }}
`;
    assert.deepEqual(steps(yaml), ['digits', 'digits:a of 2', 'digits:b of 2', 'letters']);
    assert.deepEqual(steps(yaml, { models: '[{ name: faces, tags: [c] }]' }), ['faces', 'faces:c of 1']);
  });

  it('take steps apart and put them together again', () => {
    const yaml = `
parameters:
- name: work
  type: stepList
  default: [{ script: x, displayName: X }, { script: y }]
steps:
- script: before
- \${{ each step in parameters.work }}:
  - \${{ each pair in step }}:
      \${{ if ne(pair.key, 'displayName') }}:
        \${{ pair.key }}: \${{ pair.value }}
    continueOnError: true
- \${{ parameters.work }}
`;
    const pipeline = read({ '/repo/p.yml': yaml });
    assert.deepEqual(saidBy(pipeline), ['before', 'x', 'y', 'x', 'y']);
    const [, , first] = pipeline.stages[0]?.jobs[0]?.steps ?? [];
    assert.deepEqual([first?.displayName, first?.continueOnError], ['CmdLine', true]);
  });

  it('insert a mapping as the whole value, or beside other entries', () => {
    const yaml = `
parameters: [{ name: inputs, type: object, default: { container: models, model: digits } }]
steps:
- { task: Echo@1, inputs: "\${{ parameters.inputs }}" }
- task: Echo@1
  inputs:
    \${{ insert }}: \${{ parameters.inputs }}
    version: 3
`;
    assert.deepEqual(steps(yaml), [
      'Echo {"container":"models","model":"digits"}',
      'Echo {"container":"models","model":"digits","version":"3"}',
    ]);
  });

  it('know in a list of variables those above, under conditions too', () => {
    const yaml = `
variables:
- { name: kind, value: release }
- \${{ if eq(variables.kind, 'release') }}:
  - { name: tag, value: "stable-\${{ variables.kind }}" }
steps: [{ script: "\${{ variables.tag }}" }]
`;
    assert.deepEqual(steps(yaml), ['stable-release']);
  });

  it('may hold braces within quotes', () => {
    assert.deepEqual(steps("steps: [{ script: \"${{ format('{0}}}', 'a') }}\" }]"), ['a}']);
  });

  for (const [title, yaml, message] of [
    ['an else without if', 'steps:\n- script: x\n- ${{ else }}:\n  - script: y', /:3: "\$\{\{ else }}" follows no if/],
    ['an if over a mapping in a list', 'steps:\n- ${{ if true }}:\n    script: y', /:3: .* must be a list.*hyphen/],
    ['an if over a list in a mapping', 'variables:\n  ${{ if true }}:\n  - a\nsteps: []', /:3: .* must be a mapping/],
    ['an each that is none', 'steps:\n- ${{ each of x }}:\n  - script: y', /:2: "each of x" cannot be read/],
    [
      'an each over a text',
      "steps:\n- ${{ each a in 'x' }}:\n  - script: y",
      /:2: 'x' is neither a list nor a mapping/,
    ],
    ['a bad condition', 'steps:\n- ${{ if eq(1) }}:\n  - script: y', /:2: .*takes 2 arguments/],
    ['an unknown parameter in a call', "steps:\n- ${{ if eq(parameters.a, 'x') }}: []", /:2: .*no parameter a/],
    [
      'a mapping within a text',
      'parameters: [{name: o, type: object, default: {a: b}}]\nsteps:\n- script: x ${{ parameters.o }}',
      /:3: .*is a mapping, where a text is wanted/,
    ],
    [
      'one key from two insertions',
      'variables:\n  ${{ if true }}: {a: 1}\n  a: 2\nsteps: []',
      /:3: variables has "a" twice/,
    ],
    [
      'a list where the type is a number',
      'parameters:\n- {name: n, type: number, default: [1]}\nsteps: []',
      /:2: the parameter n must be a text/,
    ],
    [
      'a value that is not allowed',
      'parameters:\n- {name: n, type: number, default: 3, values: [1, 2]}\nsteps: []',
      /:2: the parameter n is "3". Use one of: 1, 2/,
    ],
  ] as const) {
    it(`with ${title} are refused, with the line`, () => refused({ '/repo/p.yml': yaml }, message));
  }
});

describe('templates of a pipeline', () => {
  const greet = `
parameters:
- name: who
- { name: loud, type: boolean, default: false }
steps:
- \${{ if parameters.loud }}:
  - script: HELLO \${{ upper(parameters.who) }}
- \${{ else }}:
  - script: hello \${{ parameters.who }}
`;

  it('give steps, with typed parameters', () => {
    const yaml = `
steps:
- template: ci/greet.yml
  parameters: { who: you }
- template: /ci/greet.yml
  parameters: { who: all, loud: true }
`;
    assert.deepEqual(saidBy(read({ '/repo/p.yml': yaml, '/repo/ci/greet.yml': greet })), ['hello you', 'HELLO ALL']);
  });

  it('lie beside the file that names them, or in another repository', () => {
    const files = {
      '/repo/p.yml': 'jobs:\n- template: ci/jobs.yml@shared',
      '/shared/ci/jobs.yml': 'jobs:\n- job: a\n  steps:\n  - template: steps/own.yml\n  - template: /mine.yml@self',
      '/shared/ci/steps/own.yml': 'steps: [{script: theirs}]',
      '/repo/mine.yml': 'steps: [{script: mine}]',
    };
    assert.deepEqual(saidBy(read(files)), ['theirs', 'mine']);
  });

  it('give stages that come after one another, and variables', () => {
    const files = {
      '/repo/p.yml':
        'variables:\n- template: v.yml\n  parameters: {to: x}\nstages:\n- template: s.yml\n- stage: last\n  jobs: [{job: j, steps: []}]',
      '/repo/v.yml': 'parameters: [{name: to}]\nvariables:\n  target: ${{ parameters.to }}',
      '/repo/s.yml': 'stages:\n- stage: first\n  jobs: [{job: j, steps: [{script: "to ${{ variables.target }}"}]}]',
    };
    const pipeline = read(files);
    assert.deepEqual(saidBy(pipeline), ['to x']);
    assert.deepEqual(pipeline.stages[1]?.dependsOn, ['first']);
  });

  it('may be extended, with steps of the pipeline in their midst', () => {
    const files = {
      '/repo/p.yml': `
trigger: none
variables: { own: 1 }
extends:
  template: base.yml
  parameters:
    tests:
    - script: test \${{ variables.own }}
    - template: more.yml
`,
      '/repo/base.yml': `
parameters: [{ name: tests, type: stepList, default: [] }]
variables: { theirs: 2 }
steps:
- script: begin
- \${{ parameters.tests }}
- script: end \${{ variables.own }}\${{ variables.theirs }}
`,
      '/repo/more.yml': 'steps: [{script: more}]',
    };
    const pipeline = read(files);
    assert.deepEqual(saidBy(pipeline), ['begin', 'test 1', 'more', 'end 12']);
    assert.deepEqual(
      pipeline.variables.map(({ name }) => name),
      ['own', 'theirs'],
    );
  });

  it('name the line of whoever wrote what they were given', () => {
    refused(
      {
        '/repo/p.yml': 'extends:\n  template: base.yml\n  parameters:\n    tests:\n    - script: x\n    - scirpt: y',
        '/repo/base.yml': 'parameters: [{name: tests, type: stepList}]\nsteps:\n- ${{ parameters.tests }}',
      },
      /^\/repo\/p\.yml:6: .*"scirpt"/,
    );
  });

  const calling = (call: string, template = greet): Files => ({ '/repo/p.yml': call, '/repo/t.yml': template });
  for (const [title, files, message] of [
    ['that are not there', calling('steps:\n- template: nope.yml'), /p\.yml:2: there is no template \/repo\/nope\.yml/],
    [
      'without a parameter',
      calling('steps:\n- template: t.yml'),
      /p\.yml:2: the template needs its parameter who \(string\)/,
    ],
    [
      'with an unknown parameter',
      calling('steps:\n- template: t.yml\n  parameters:\n    who: x\n    lout: true'),
      /p\.yml:5: the template has no parameter lout\. Did you mean loud/,
    ],
    [
      'with a parameter of another type',
      calling('steps:\n- template: t.yml\n  parameters:\n    who: x\n    loud: very'),
      /p\.yml:5: the parameter loud is "very"\. Give true or false/,
    ],
    [
      'of another kind',
      calling('stages:\n- template: t.yml\n  parameters: {who: x}'),
      /p\.yml:2: the template t\.yml holds steps, where stages are wanted/,
    ],
    ['with a mistake', calling('steps:\n- template: t.yml', 'steps:\n- scirpt: x'), /t\.yml:2: .*"scirpt"/],
    ['in an unknown repository', calling('steps:\n- template: t.yml@other'), /p\.yml:2: .*--repository other=FOLDER/],
    [
      'that include themselves',
      calling('steps:\n- template: t.yml', 'steps:\n- template: t.yml'),
      /t\.yml:2: .*100 deep/,
    ],
    ['beside steps of its own', calling('extends: {template: t.yml}\nsteps: []'), /p\.yml:1: .*has steps and extends/],
    ['with other keywords', calling('steps:\n- template: t.yml\n  name: x'), /p\.yml:3: .*keyword "name"/],
  ] as const) {
    it(`${title} are refused, with the line`, () => refused(files, message));
  }
});

function refused(files: Files, message: RegExp): void {
  assert.throws(
    () => read(files),
    (error) => {
      assert.ok(error instanceof DeliveryError, String(error));
      assert.equal(error.code, 'YAML_INVALID');
      assert.match(`${error.message} ${error.remedy}`, message);
      return true;
    },
  );
}
