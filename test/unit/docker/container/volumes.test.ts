import assert from 'node:assert/strict';
import { parseVolume, volumeArgument } from '../../../../lib/docker/container/volumes.ts';

describe('a volume', () => {
  it('is a path or a name, a target, and perhaps options', () => {
    assert.deepEqual(parseVolume('./models:/models:ro'), {
      source: './models',
      isPath: true,
      target: '/models',
      options: 'ro',
    });
    assert.deepEqual(parseVolume('cache:/c'), { source: 'cache', isPath: false, target: '/c', options: '' });
    assert.deepEqual(parseVolume('C:\\models:/m'), { source: 'C:\\models', isPath: true, target: '/m', options: '' });
    for (const text of ['', '/models', 'a:b', ':/a', '/a:', '/a:/b:ro:x']) assert.equal(parseVolume(text), undefined);
  });

  it('is found outside the agent by what its container has mounted, the nearest first', () => {
    const mounts = [
      { source: '/data/azp', destination: '/azp' },
      { source: '/data/work', destination: '/azp/_work' },
    ];
    const outside = (source: string): string | undefined =>
      volumeArgument({ source, isPath: true, target: '/m', options: 'ro' }, mounts);
    assert.equal(outside('/azp/_work/1/s/models'), '/data/work/1/s/models:/m:ro');
    assert.equal(outside('/azp/_work'), '/data/work:/m:ro');
    assert.equal(outside('/azp/_workshop'), '/data/azp/_workshop:/m:ro');
    assert.equal(outside('/home/agent'), undefined);
    assert.equal(volumeArgument({ source: 'cache', isPath: false, target: '/m', options: '' }, mounts), 'cache:/m');
    assert.equal(volumeArgument({ source: '/a', isPath: true, target: '/m', options: '' }), '/a:/m');
  });
});
