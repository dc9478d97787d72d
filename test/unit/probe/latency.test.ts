import assert from 'node:assert/strict';
import { compareWithBaseline } from '../../../lib/probe/baseline.ts';
import { histogramOf } from '../../../lib/probe/histogram.ts';
import { measureLatency, percentile } from '../../../lib/probe/latency.ts';
import { checkLimits, parseLimit } from '../../../lib/probe/limits.ts';
import { judgeMeasurements } from '../../../lib/probe/run-probe.ts';
import type { Reply, Service } from '../../../lib/probe/service.ts';

const NEVER = new AbortController().signal;
const LOAD = {
  path: '/score',
  requests: [{ body: '1', contentType: 'application/json', status: undefined }],
  warmUp: 0,
};

function answer(status: number, milliseconds: number): Reply {
  return { kind: 'answer', status, contentType: undefined, location: undefined, body: Buffer.alloc(0), milliseconds };
}

describe('a percentile', () => {
  it('is a value that was measured, by the nearest rank', () => {
    const sorted = Array.from({ length: 100 }, (_, index) => index + 1);
    assert.deepEqual(
      [50, 95, 99, 100].map((percent) => percentile(sorted, percent)),
      [50, 95, 99, 100],
    );
    assert.equal(percentile([7], 99), 7);
    assert.ok(Number.isNaN(percentile([], 50)));
  });
});

describe('a measurement of latency', () => {
  it('counts the answered ones, after a warm-up that does not count', async () => {
    let asked = 0;
    const service: Service = () => Promise.resolve(answer(asked < 5 ? 500 : 200, (asked += 1)));
    const measured = await measureLatency({ ...LOAD, warmUp: 5, count: 10, concurrency: 1 }, service, NEVER);
    assert.equal(asked, 15);
    assert.deepEqual([measured.requests, measured.errors, measured.p50, measured.max], [10, 0, 10, 15]);
  });

  it('asks with as many clients as it is told, and with all requests in turn', async () => {
    const [bodies, running] = [[] as unknown[], { now: 0, most: 0 }];
    const service: Service = async ({ body }) => {
      bodies.push(body);
      running.most = Math.max(running.most, (running.now += 1));
      await new Promise((resolve) => setImmediate(resolve));
      running.now -= 1;
      return answer(200, 1);
    };
    const requests = ['1', '2', '3'].map((body) => ({ body, contentType: 'text/plain', status: undefined }));
    await measureLatency({ ...LOAD, requests, count: 7, concurrency: 3 }, service, NEVER);
    assert.equal(running.most, 3);
    assert.deepEqual(bodies.sort(), ['1', '1', '1', '2', '2', '3', '3']);
  });

  it('tells errors by their share and by the first of them, and times only answers', async () => {
    let asked = 0;
    const service: Service = () => Promise.resolve((asked += 1) % 4 === 0 ? answer(503, 9_999) : answer(200, 10));
    const measured = await measureLatency({ ...LOAD, count: 8, concurrency: 2 }, service, NEVER);
    assert.deepEqual([measured.errors, measured.errorRate, measured.max], [2, 0.25, 10]);
    assert.equal(measured.firstError, 'answered 503');
  });

  it('gives up on a service that answers nothing', async () => {
    let asked = 0;
    const service: Service = () => {
      asked += 1;
      return Promise.resolve({ kind: 'timeout', why: 'did not answer within 30 s', milliseconds: 30_000 });
    };
    const measured = await measureLatency({ ...LOAD, warmUp: 10, count: 1_000, concurrency: 4 }, service, NEVER);
    assert.ok(asked < 50, `${asked} requests`);
    assert.equal(measured.errorRate, 1);
  });
});

describe('a limit', () => {
  it('is a measure, a sign and a value with its unit', () => {
    for (const [text, measure, value] of [
      ['p95 <= 200 ms', 'p95', 200],
      ['P99<=1.5s', 'p99', 1500],
      ['errorRate <= 1 %', 'errorRate', 0.01],
      ['throughput >= 50', 'throughput', 50],
      ['memory <= 2 GiB', 'memory', 2 * 1024 ** 3],
    ] as const) {
      assert.deepEqual([parseLimit(text).measure, parseLimit(text).value], [measure, value]);
    }
  });

  for (const text of [
    'p95',
    'p95 >= 200',
    'p90 <= 1',
    'throughput <= 5',
    'memory <= 2',
    'p95 <= fast',
    'p95 <= 2 GB',
    '',
  ]) {
    it(`cannot be "${text}"`, () => assert.throws(() => parseLimit(text), { code: 'LIMIT_INVALID' }));
  }

  it('is kept or not, and not by what was not measured', () => {
    const limits = ['p95 <= 20 ms', 'p99 <= 20 ms', 'throughput >= 5', 'memory <= 1 MiB'].map(parseLimit);
    assert.deepEqual(
      checkLimits(limits, { p95: 20, p99: 20.5, throughput: 4 }).map(({ problem }) => problem),
      [undefined, 'was 21 ms', 'was 4.0 requests/s', 'was not measured'],
    );
  });
});

describe('what is asked of a load', () => {
  const problems = (limits: readonly string[], errorRate: number): readonly (string | undefined)[] =>
    judgeMeasurements({ errorRate }, { limits: limits.map(parseLimit), baseline: undefined }).map(
      ({ problem }) => problem,
    );

  it('is an answer to everything, unless a limit allows for errors', () => {
    assert.deepEqual(problems([], 0), [undefined]);
    assert.deepEqual(problems([], 0.01), ['was 1 %']);
    assert.deepEqual(problems(['errorRate <= 5 %'], 0.01), [undefined]);
  });

  it('is nothing where none was put on', () => {
    assert.deepEqual(judgeMeasurements({ start: 5 }, { limits: [], baseline: undefined }), []);
  });
});

describe('a comparison with an earlier run', () => {
  const now = (p95: number, throughput: number): readonly (string | undefined)[] =>
    compareWithBaseline({ measurements: { p95: 100, throughput: 50 }, allowance: 0.2 }, { p95, throughput }).map(
      ({ problem }) => problem,
    );

  it('lets a measurement be a little worse, in whichever direction that is', () => {
    assert.deepEqual(now(120, 40), [undefined, undefined]);
    assert.deepEqual(now(121, 39), ['was 121 ms', 'was 39.0 requests/s']);
    assert.deepEqual(now(1, 1_000), [undefined, undefined]);
  });

  it('fails where something is not measured any more', () => {
    const compared = compareWithBaseline({ measurements: { p95: 100 }, allowance: 0.2 }, {});
    assert.deepEqual(
      compared.map(({ problem }) => problem),
      ['was not measured'],
    );
  });

  it('takes a millisecond for no difference', () => {
    const compared = compareWithBaseline({ measurements: { p50: 0.5 }, allowance: 0.2 }, { p50: 1.4 });
    assert.deepEqual(
      compared.map(({ outcome }) => outcome),
      ['passed'],
    );
  });
});

describe('a histogram', () => {
  it('has every time in one bucket, and begins and ends where the times do', () => {
    const times = [0.9, 1, 3.2, 3.3, 48, 1_000];
    const buckets = histogramOf(times);
    assert.equal(
      buckets.reduce((sum, { count }) => sum + count, 0),
      times.length,
    );
    assert.ok((buckets[0]?.from ?? 9) <= 0.9 && (buckets[0]?.count ?? 0) > 0);
    assert.ok((buckets.at(-1)?.count ?? 0) > 0);
  });

  it('knows the smallest and the largest times there are', () => {
    for (const time of [0, 0.000_1, 5_000_000])
      assert.equal(
        histogramOf([time]).reduce((sum, { count }) => sum + count, 0),
        1,
      );
    assert.deepEqual(histogramOf([]), []);
  });
});
