import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { freePort, isTaken } from '../../../tools/services/ports.ts';

describe('a free port', () => {
  it('is none that the system gives to others by itself before a service listens on it', async function () {
    const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => undefined);
    if (range === undefined) return this.skip();
    const [first = 0] = range.split('\t').map(Number);
    const port = await freePort();
    assert.ok(port < first, `${port} is one of ${range}`);
    assert.equal(await isTaken(port), false);
  });
});
