import assert from 'node:assert/strict';
import { checkRequirements, propertyRequirement, type Requirements } from '../../../lib/model/requirements.ts';

const NOW = new Date('2026-11-25T12:00:00Z');
const model = {
  name: 'digits',
  version: '3',
  created: new Date('2026-11-20T00:00:00Z'),
  properties: { accuracy: '0.97', latency: '12ms', loss: '1e-3', dataset: 'optdigits', 'top 5': ' 99 ' },
};

function warnings(lines: readonly string[], maxAgeDays?: number): readonly string[] {
  const requirements: Requirements = { maxAgeDays, properties: lines.map(propertyRequirement), onUnmet: 'warn' };
  return checkRequirements(model, requirements, NOW);
}

describe('what is required of a model', () => {
  it('is met by numbers that compare so', () => {
    const lines = ['accuracy>=0.97', 'accuracy > .9', 'accuracy<1', 'accuracy <= 0.970', 'loss = 0.001', 'loss!=0'];
    assert.deepEqual(warnings([...lines, 'top 5 >= 99', 'accuracy == 0.97'], 6), []);
  });

  it('may be a text', () => {
    assert.deepEqual(warnings(['dataset=optdigits', 'dataset != mnist']), []);
    assert.match(warnings(['dataset=mnist']).join(), /dataset is "optdigits" and not = mnist/);
  });

  it('is not met by a property that is missing, no number, or too small: all are named at once', () => {
    const [message = ''] = warnings(['f1>=0.9', 'latency<20', 'accuracy>=0.99', 'toString!=1'], 5);
    assert.match(message, /^digits 3 is not what is required: /);
    assert.match(message, /5\.5 days old and not at most 5/);
    assert.match(message, /property f1 is not set/);
    assert.match(message, /latency is "12ms", which is no number/);
    assert.match(message, /accuracy is 0\.97 and not >= 0\.99/);
    assert.match(message, /property toString is not set/);
  });

  it('is an error unless a warning was asked for', () => {
    const requirements: Requirements = { maxAgeDays: 1, properties: [], onUnmet: 'fail' };
    assert.throws(() => checkRequirements(model, requirements, NOW), { code: 'REQUIREMENTS_UNMET' });
  });

  it('is refused where it says nothing', () => {
    for (const line of ['accuracy', '>=0.9', 'accuracy>=', 'accuracy>=high', 'accuracy=>0.9']) {
      assert.throws(() => propertyRequirement(line), { code: 'REQUIREMENT_INVALID' }, line);
    }
  });
});
