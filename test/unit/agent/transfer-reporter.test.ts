import assert from 'node:assert/strict';
import { progressLine } from '../../../lib/agent/transfer-reporter.ts';

const MIB = 2 ** 20;

describe('the progress of a transfer', () => {
  it('says how far it is, how fast, and how long it will take', () => {
    assert.equal(progressLine(512 * MIB, 2048 * MIB, 5_000), '512 MiB of 2.0 GiB, 102 MiB/s, 15 s left');
    assert.equal(progressLine(10 * MIB, 1024 * MIB, 10_000), '10.0 MiB of 1.0 GiB, 1.0 MiB/s, 16 min 54 s left');
    assert.equal(progressLine(MIB, 10 * 1024 * MIB, 1_000), '1.0 MiB of 10.0 GiB, 1.0 MiB/s, 2 h 50 min left');
  });

  it('says nothing of a time that nobody knows', () => {
    assert.equal(progressLine(0, MIB, 5_000), '0 B of 1.0 MiB, 0 B/s');
    assert.equal(progressLine(MIB, MIB, 1_000), '1.0 MiB of 1.0 MiB, 1.0 MiB/s');
  });
});
