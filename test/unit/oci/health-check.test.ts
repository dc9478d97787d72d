import assert from 'node:assert/strict';
import { parseHealthCheck } from '../../../lib/oci/health-check.ts';

describe('a health check', () => {
  it('is read as a Dockerfile has it', () => {
    assert.deepEqual(
      parseHealthCheck(
        '--interval=1m30s --timeout=500ms --start-period=1.5s --retries=3 CMD curl -f http://a/ || exit 1',
      ),
      {
        Test: ['CMD-SHELL', 'curl -f http://a/ || exit 1'],
        Interval: 90e9,
        Timeout: 5e8,
        StartPeriod: 1.5e9,
        Retries: 3,
      },
    );
    assert.deepEqual(parseHealthCheck('HEALTHCHECK CMD ["python3", "-m", "check"]'), {
      Test: ['CMD', 'python3', '-m', 'check'],
    });
    assert.deepEqual(parseHealthCheck('none'), { Test: ['NONE'] });
  });

  for (const text of [
    'curl http://a/',
    'CMD',
    '--interval=30 CMD x',
    '--interval CMD x',
    '--retries=0 CMD x',
    '--interval=1ms NONE',
    '--colour=red CMD x',
    '--timeout=0.1ms CMD x',
  ]) {
    it(`is not ${text}`, () => {
      assert.throws(() => parseHealthCheck(text), { code: 'HEALTH_CHECK_INVALID' });
    });
  }
});
