import assert from 'node:assert/strict';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import type { ModelFile } from '../../../lib/model/resolved-model.ts';
import { Staging } from '../../../lib/model/staging.ts';
import { TestFolder } from '../../support/model-folder.ts';

describe('the folder in which a model comes together', () => {
  let folder: TestFolder;
  beforeEach(() => (folder = new TestFolder()));
  afterEach(() => folder.remove());

  it('is cancelled for the reason that it was given, also while it reads what an earlier fetch has left', async () => {
    const staging = await Staging.open(folder.at('staging'), 'sha256:1');
    await staging.put('a.bin', Buffer.from('begun'), '0'.repeat(64));
    const file = { path: 'a.bin', size: 10, md5: undefined } as ModelFile;
    const reason = new DeliveryError('CANCELLED', { message: 'Stop.', remedy: 'Run again.' });
    await assert.rejects(staging.open(file, AbortSignal.abort(reason)), reason);
    await staging.discard();
  });
});
