import assert from 'node:assert/strict';
import { Patience } from '../../../../lib/kube/readiness/patience.ts';
import { fatal, waiting } from '../../../../lib/kube/readiness/verdict.ts';
import type { Symptom } from '../../../../lib/kube/readiness/verdict.ts';

const trouble = (graceMs: number): Symptom => ({ ...fatal('k', 'CODE', 'm', 'r'), graceMs });

describe('patience', () => {
  it('has none with what cannot get better', () => {
    assert.equal(new Patience().exhaustedBy([waiting('w', trouble(0))], 0)?.code, 'CODE');
  });

  it('ends when a trouble has lasted for its grace', () => {
    const patience = new Patience();
    assert.equal(patience.exhaustedBy([waiting('w', trouble(100))], 0), undefined);
    assert.equal(patience.exhaustedBy([waiting('w', trouble(100))], 99), undefined);
    assert.equal(patience.exhaustedBy([waiting('w', trouble(100))], 100)?.code, 'CODE');
  });

  it('begins anew when the trouble went away in between', () => {
    const patience = new Patience();
    patience.exhaustedBy([waiting('w', trouble(100))], 0);
    patience.exhaustedBy([waiting('w')], 50);
    assert.equal(patience.exhaustedBy([waiting('w', trouble(100))], 120), undefined);
  });

  it('lets a crashing part wait for others that are still coming up', () => {
    const crash = { ...trouble(0), patient: true };
    const patience = new Patience();
    assert.equal(patience.exhaustedBy([waiting('w', crash), waiting('coming up')], 0), undefined);
    assert.equal(patience.exhaustedBy([waiting('w', crash)], 1)?.code, 'CODE');
  });
});
