import assert from 'node:assert/strict';
import { extensionManifest } from '../../../tools/package/manifest.ts';

describe('the extension manifest', () => {
  const facts = { id: 'model-delivery', publisher: 'model-delivery' };

  it('has one contribution for each task, which says where the task is', () => {
    const { contributions } = extensionManifest(facts, {
      version: '1.2.3',
      tasks: ['FetchLatestModel', 'PublishModel'],
    });
    assert.deepEqual(
      contributions.map(({ id, properties }) => [id, properties.name]),
      [
        ['FetchLatestModel', 'tasks/FetchLatestModel'],
        ['PublishModel', 'tasks/PublishModel'],
      ],
    );
  });

  it('has the version of the project and passes on all other facts', () => {
    const manifest = extensionManifest(facts, { version: '1.2.3', tasks: [] });
    assert.equal(manifest.version, '1.2.3');
    assert.deepEqual({ id: manifest.id, publisher: manifest.publisher }, facts);
  });
});
