import assert from 'node:assert/strict';
import { parseEndpointCheck, runEndpointChecks } from '../../../lib/probe/endpoint-check.ts';
import type { Answer, Service } from '../../../lib/probe/service.ts';

const NEVER = new AbortController().signal;

function answering(
  answers: Readonly<Record<string, Partial<Omit<Answer, 'body'>> & { readonly body?: string }>>,
): Service {
  return ({ path }) =>
    Promise.resolve({
      kind: 'answer',
      status: 200,
      contentType: 'application/json',
      location: undefined,
      milliseconds: 1,
      ...answers[path],
      body: Buffer.from(answers[path]?.body ?? ''),
    });
}

/** What the checks have to say of a service; undefined for those that pass. */
async function problemsOf(lines: readonly string[], service: Service): Promise<readonly (string | undefined)[]> {
  const results = await runEndpointChecks(lines.map(parseEndpointCheck), service, NEVER);
  return results.map(({ problem }) => problem);
}

const DIGITS = answering({
  '/': { body: '{"status":"healthy"}' },
  '/version': { body: '{"app": "abc", "model": "7", "build": 12}' },
});

describe('a check of an endpoint', () => {
  it('passes when the status, the text, a pattern or the value at a path is as expected', async () => {
    const lines = [
      '/',
      '/ status 200',
      '/ contains healthy',
      '/version matches "app": "\\w+"',
      '/version $.model == 7',
      '/version $.model == "7"',
      '/version $.build == 12',
      '/version $ == {"model": "7", "app": "abc", "build": 12}',
    ];
    assert.deepEqual(
      await problemsOf(lines, DIGITS),
      lines.map(() => undefined),
    );
  });

  it('says what came instead', async () => {
    const lines = [
      '/ status 503',
      '/ contains ready',
      '/version matches ^v',
      '/version $.model == 8',
      '/version $.models == 7',
    ];
    assert.deepEqual(await problemsOf(lines, DIGITS), [
      'answered 200 instead of 503: “{"status":"healthy"}”',
      'answered “{"status":"healthy"}”, in which “ready” does not occur',
      'answered “{"app": "abc", "model": "7", "build": 12}”, which does not match ^v',
      'answered "7" at $.model instead of 8',
      'answered {"app":"abc","model":"7","build":12}, which has nothing at $.models',
    ]);
  });

  it('asks once for each path', async () => {
    const asked: string[] = [];
    const service: Service = (request, signal) => {
      asked.push(`${request.method} ${request.path}`);
      return DIGITS(request, signal);
    };
    await problemsOf(['/ contains a', '/version', '/ contains b'], service);
    assert.deepEqual(asked, ['GET /', 'GET /version']);
  });

  for (const [what, answer, problem] of [
    ['an error', { status: 500, body: 'no model' }, 'answered 500: “no model”'],
    ['a redirection', { status: 302, location: '/login' }, 'answered 302, a redirection to /login'],
    ['a web page', { contentType: 'text/html', body: '<p>hi' }, 'answered with text/html, not JSON: “<p>hi”'],
    ['nothing', { body: '' }, 'answered nothing, where JSON is expected'],
    [
      'NaN',
      { body: '{"model": NaN}' },
      'answered NaN, which JSON does not have: a calculation of the model went wrong',
    ],
  ] as const) {
    it(`tells ${what} for what it is`, async () => {
      assert.deepEqual(await problemsOf(['/v $.model == 1'], answering({ '/v': answer })), [problem]);
    });
  }

  it('tells JSON that is broken from other text', async () => {
    const [problem] = await problemsOf(['/v $.a == 1'], answering({ '/v': { body: '{"a": 1' } }));
    assert.match(problem ?? '', /^answered with what is not JSON \(.+\): “\{"a": 1”$/);
  });

  it('shows no more than the beginning of a long answer', async () => {
    const [problem = ''] = await problemsOf(['/ contains b'], answering({ '/': { body: 'a'.repeat(1_000_000) } }));
    assert.ok(problem.length < 300, String(problem.length));
  });

  for (const line of [
    'version',
    '/version model == 7',
    '/version $.model ==',
    '/ status ok',
    '/ contains ',
    '/v $.a[ == 1',
    '/ matches (',
  ]) {
    it(`cannot be written as ${line}`, () => assert.throws(() => parseEndpointCheck(line), { code: 'CHECK_INVALID' }));
  }

  it('does not take a variable that is not set for a value', () => {
    assert.throws(() => parseEndpointCheck('/version $.model == $(model.modelVersion)'), {
      code: 'CHECK_INVALID',
      message: /the variable \$\(model\.modelVersion\) is not set/,
    });
  });
});
