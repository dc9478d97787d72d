import assert from 'node:assert/strict';
import type { JsonValue } from '../../../lib/probe/json-value.ts';
import { parseJsonPath } from '../../../lib/probe/json-path.ts';
import { readCase } from '../../../lib/probe/cases/score-case.ts';
import { metricsOf } from '../../../lib/probe/metrics.ts';
import { EXACTLY } from '../../../lib/probe/same.ts';
import { type CaseOutcome, runCases } from '../../../lib/probe/score.ts';
import type { Reply, Service } from '../../../lib/probe/service.ts';

const NEVER = new AbortController().signal;
const DEFAULTS = { answerPath: parseJsonPath('$'), topK: undefined, tolerance: EXACTLY };

/** A service that answers a request with the request itself. */
const echo: Service = ({ body }) => reply(String(body));

function reply(body: string, status = 200): Promise<Reply> {
  return Promise.resolve({
    kind: 'answer',
    status,
    contentType: 'application/json',
    location: undefined,
    milliseconds: 1,
    body: Buffer.from(body),
  });
}

async function run(
  cases: readonly JsonValue[],
  { service = echo, wrongIsExcused = false }: { readonly service?: Service; readonly wrongIsExcused?: boolean } = {},
): Promise<readonly CaseOutcome[]> {
  const file = {
    path: '/cases.json',
    folder: '/',
    cases: cases.map((each, index) => readCase(each, `case ${index + 1}`, DEFAULTS)),
  };
  return runCases({ path: '/score', file, wrongIsExcused }, service, NEVER);
}

async function problemOf(each: JsonValue, service = echo): Promise<string | undefined> {
  const [outcome] = await run([each], { service });
  return outcome?.problem;
}

describe('a score case', () => {
  it('passes when the expected value is at the path, within the tolerance', async () => {
    const request = { result: 0.91, label: 'cat' };
    assert.equal(await problemOf({ request, expected: request }), undefined);
    assert.equal(await problemOf({ request, expected: 0.9, answerPath: '$.result', tolerance: 0.02 }), undefined);
    assert.equal(
      await problemOf({ request, expected: 0.9, answerPath: '$.result' }),
      'answered 0.91 at $.result: 0.91 is not 0.9',
    );
  });

  it('names what is there when the expected field is not', async () => {
    assert.equal(
      await problemOf({ request: { label: 'cat' }, expected: 1, answerPath: '$.result' }),
      'answered {"label":"cat"}, which has nothing at $.result',
    );
  });

  it('finds the expected value among the first ones', async () => {
    const request = { labels: ['cat', 'dog', 'cow'], scores: { cow: 0.1, cat: 0.6, dog: 0.3 } };
    const top = (expected: string, topK: number, answerPath: string): Promise<string | undefined> =>
      problemOf({ request, expected, topK, answerPath });
    assert.equal(await top('dog', 2, '$.labels'), undefined);
    assert.equal(await top('dog', 2, '$.labels[*]'), undefined);
    assert.equal(await top('cow', 2, '$.labels'), 'answered ["cat","dog"] at $.labels: "cow" is not among the first 2');
    assert.equal(await top('dog', 2, '$.scores'), undefined);
    assert.equal(await top('cow', 2, '$.scores'), 'answered ["cat","dog"] at $.scores: "cow" is not among the first 2');
    assert.match((await top('cat', 2, '$.labels[0]')) ?? '', /is no list to look for "cat" in/);
  });

  it('takes a path that may lead to several places for a list, also where there is one', async () => {
    const request = { predictions: [{ label: 'cat' }] };
    const answerPath = '$.predictions[*].label';
    assert.equal(await problemOf({ request, expected: 'cat', topK: 3, answerPath }), undefined);
    assert.equal(await problemOf({ request, expected: ['cat'], answerPath }), undefined);
  });

  for (const [assertion, problem] of [
    [{ path: '$.a', equals: 1 }, undefined],
    [{ path: '$.a', equals: 2 }, 'answered 1 at $.a: 1 is not 2'],
    [{ path: '$.a', min: 1, max: 1 }, undefined],
    [{ path: '$.a', min: 2 }, 'answered 1 at $.a: it is not a number of at least 2'],
    [{ path: '$.t', max: 2 }, 'answered "text" at $.t: it is not a number of at most 2'],
    [{ path: '$.t', matches: '^te', length: 4 }, undefined],
    [{ path: '$.t', matches: 'x$' }, 'answered "text" at $.t: it does not match x$'],
    [{ path: '$.l', length: 3 }, 'answered [1,2] at $.l: it does not have the length 3'],
    [{ path: '$.l', contains: 2 }, undefined],
    [{ path: '$.t', contains: 'ex' }, undefined],
    [{ path: '$.l', contains: 3 }, 'answered [1,2] at $.l: it does not contain 3'],
    [{ path: '$.b' }, 'answered {"a":1,"t":"text","l":[1,2]}, which has nothing at $.b'],
    [{ path: '$.b', exists: false }, undefined],
    [{ path: '$.a', exists: false }, 'answered 1 at $.a, where nothing should be'],
  ] as const) {
    it(`judges ${JSON.stringify(assertion)}: ${problem ?? 'fine'}`, async () => {
      const request = { a: 1, t: 'text', l: [1, 2] };
      assert.equal(await problemOf({ request, assert: [assertion] }), problem);
    });
  }

  it('may expect a refusal, of which nothing else is wanted', async () => {
    assert.equal(await problemOf({ request: 'bad', status: 400 }, () => reply('no JSON', 400)), undefined);
    assert.equal(await problemOf({ request: 'bad', status: 400 }), 'answered 200 instead of 400: “"bad"”');
  });

  it('fails where no answer comes', async () => {
    const silent: Service = () =>
      Promise.resolve({ kind: 'timeout', why: 'did not answer within 1 s', milliseconds: 1000 });
    assert.equal(await problemOf({ request: 1 }, silent), 'did not answer within 1 s');
  });
});

describe('metrics over cases', () => {
  const wrong = { request: 3, expected: 1 };
  const right = { request: 1, expected: 1 };

  it('are the share of right answers and the mean of how far numbers are off', async () => {
    const outcomes = await run([right, wrong, right, { request: 'no value expected' }]);
    assert.deepEqual(metricsOf(outcomes), { accuracy: 2 / 3, meanAbsoluteError: 2 / 3 });
  });

  it('take no answer for a wrong one, and give no mean where a number is missing', async () => {
    const outcomes = await run([right, { request: 'text', expected: 1 }, { request: 1, expected: 1, status: 201 }]);
    assert.deepEqual(metricsOf(outcomes), { accuracy: 1 / 3, meanAbsoluteError: undefined });
  });

  it('are nothing where nothing is expected', async () => {
    assert.deepEqual(metricsOf(await run([{ request: 1 }])), { accuracy: undefined, meanAbsoluteError: undefined });
  });

  it('excuse a wrong value where they decide, but neither an error nor a broken assertion', async () => {
    const broken = { ...right, assert: [{ path: '$', min: 2 }] };
    const outcomes = await run([right, wrong, broken, { ...right, status: 500 }], { wrongIsExcused: true });
    assert.deepEqual(
      outcomes.map(({ outcome }) => outcome),
      ['passed', 'excused', 'failed', 'failed'],
    );
  });
});
