import assert from 'node:assert/strict';
import { junitOf } from '../../../lib/probe/junit.ts';
import type { CheckResult } from '../../../lib/probe/result.ts';

function result(part: Partial<CheckResult>): CheckResult {
  return { kind: 'case', name: 'two', outcome: 'passed', problem: undefined, milliseconds: 12, ...part };
}

describe('the results as JUnit', () => {
  it('count what passed, failed and was excused, each in its group', () => {
    const xml = junitOf('shop/digits', [
      result({}),
      result({ kind: 'check', name: 'GET /version', outcome: 'failed', problem: 'answered 500' }),
      result({ name: 'three', outcome: 'excused', problem: 'answered 2: 2 is not 3' }),
    ]);
    assert.match(xml, /<testsuite name="shop\/digits" tests="3" failures="1" skipped="1" errors="0" time="0\.036">/);
    assert.match(xml, /<testcase classname="Score cases" name="two" time="0\.012"\/>/);
    assert.match(
      xml,
      /classname="Endpoints" name="GET \/version"[^>]*><failure message="answered 500">answered 500<\/failure>/,
    );
    assert.match(xml, /<skipped message="answered 2: 2 is not 3; counts in the metric only"\/>/);
  });

  it('hold nothing that is markup, or that XML cannot hold', () => {
    const xml = junitOf('t', [
      result({ name: '<b a="1">&\u0000\ud800', outcome: 'failed', problem: ']]></failure>\u001b[0m' }),
    ]);
    assert.match(xml, /name="&lt;b a=&quot;1&quot;&gt;&amp;\ufffd\ufffd"/);
    assert.match(xml, /<failure message="\]\]&gt;&lt;\/failure&gt;\ufffd\[0m">/);
  });

  it('cut long texts', () => {
    assert.ok(junitOf('t', [result({ outcome: 'failed', problem: 'x'.repeat(100_000) })]).length < 3_000);
  });
});
