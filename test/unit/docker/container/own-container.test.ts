import assert from 'node:assert/strict';
import { containerIds } from '../../../../lib/docker/container/own-container.ts';

const ID = 'c0ffee'.padEnd(64, '0');
const OTHER = 'beef'.padEnd(64, '1');
const NOTHING = { mounts: '', groups: '', hostname: 'agent-7' };

describe('the container that a process runs in', () => {
  it('is known by where /etc/hostname comes from, with groups of either kind', () => {
    const mounts = [
      '812 801 0:56 / /proc rw,nosuid - proc proc rw',
      `822 801 254:1 /var/lib/docker/containers/${ID}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda1 rw`,
      `823 801 254:1 /var/lib/docker/containers/${ID}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw`,
    ].join('\n');
    assert.deepEqual(containerIds({ ...NOTHING, mounts, groups: '0::/\n' }), [ID]);
  });

  it('is known by its groups of the first kind, also below systemd', () => {
    assert.deepEqual(containerIds({ ...NOTHING, groups: `4:memory:/docker/${ID}\n1:name=systemd:/docker/${ID}\n` }), [
      ID,
    ]);
    assert.deepEqual(containerIds({ ...NOTHING, groups: `4:memory:/system.slice/docker-${ID}.scope\n` }), [ID]);
  });

  it('is known by a hostname that nobody chose', () => {
    assert.deepEqual(containerIds({ ...NOTHING, hostname: 'c0ffee000000' }), ['c0ffee000000']);
  });

  it('is none on the machine of the engine, where folders of other containers are mounted', () => {
    const mounts = [
      `90 30 0:50 / /var/lib/docker/containers/${OTHER}/mounts/shm rw - tmpfs shm rw`,
      '31 30 254:1 /etc/hostname /etc/hostname rw - ext4 /dev/vda1 rw',
    ].join('\n');
    assert.deepEqual(containerIds({ ...NOTHING, mounts, groups: '0::/user.slice/user-0.slice\n' }), []);
  });
});
