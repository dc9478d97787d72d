import assert from 'node:assert/strict';
import { listeningPorts } from '../../../../lib/docker/container/listening-ports.ts';

const HEADING = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

function row(address: string, port: number, state = '0A'): string {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return `   0: ${address}:${hex} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0\n`;
}

describe('the ports that are listened on in a container', () => {
  it('are those in the state of listening, and it is told who may come', () => {
    const tables = [
      HEADING,
      row('0100007F', 5000),
      row('00000000', 8000),
      row('0100007F', 40_000, '01'),
      HEADING,
      row('00000000000000000000000001000000', 9000),
      row('00000000000000000000000000000000', 9001),
    ].join('');
    assert.deepEqual(listeningPorts(tables), [
      { port: 5000, isLoopbackOnly: true },
      { port: 8000, isLoopbackOnly: false },
      { port: 9000, isLoopbackOnly: true },
      { port: 9001, isLoopbackOnly: false },
    ]);
  });

  it('are open where one of several sockets is', () => {
    assert.deepEqual(listeningPorts(row('0100007F', 80) + row('00000000', 80)), [{ port: 80, isLoopbackOnly: false }]);
    assert.deepEqual(listeningPorts(row('00000000', 80) + row('0100007F', 80)), [{ port: 80, isLoopbackOnly: false }]);
    assert.deepEqual(listeningPorts(''), []);
  });
});
