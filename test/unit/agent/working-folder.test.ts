import assert from 'node:assert/strict';
import { fullPath } from '../../../lib/agent/working-folder.ts';

describe('a path of an input', () => {
  const agent = { variable: (name: string) => ({ 'System.DefaultWorkingDirectory': '/work/1/s' })[name] };

  it('begins at the working folder of the job', () => {
    assert.equal(fullPath(agent, 'model'), '/work/1/s/model');
    assert.equal(fullPath(agent, '/models'), '/models');
  });

  it('is refused where a variable in it does not exist', () => {
    const refused = { code: 'INPUT_INVALID', message: /\$\(Pipeline\.Workspace\), a variable that is not set/ };
    assert.throws(() => fullPath(agent, '$(Pipeline.Workspace)/model'), { ...refused, remedy: /classic release/ });
    assert.throws(() => fullPath(agent, '/models/$(digits)'), { code: 'INPUT_INVALID', remedy: /^Set .* digits / });
  });
});
