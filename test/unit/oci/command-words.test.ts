import assert from 'node:assert/strict';
import { commandWords } from '../../../lib/oci/command-words.ts';
import { parsePorts } from '../../../lib/oci/ports.ts';

const words = (text: string): readonly string[] => commandWords('command', text);

describe('a command', () => {
  it('is words with spaces between them', () => {
    assert.deepEqual(words('python3 -m  gunicorn\n--bind 0.0.0.0:8000'), [
      'python3',
      '-m',
      'gunicorn',
      '--bind',
      '0.0.0.0:8000',
    ]);
  });

  it('keeps together what quotes hold together', () => {
    assert.deepEqual(words(`sh -c 'echo "$HOME"; exit 1'`), ['sh', '-c', 'echo "$HOME"; exit 1']);
    assert.deepEqual(words(String.raw`a "b \"c\" \\ \n" d\ e ''`), ['a', String.raw`b "c" \ \n`, 'd e', '']);
    assert.deepEqual(words(`--name='a b'c`), ['--name=a bc']);
  });

  it('may be a JSON list', () => {
    assert.deepEqual(words('["a", "b c", ""]'), ['a', 'b c', '']);
  });

  it('with half a quote or half a list is refused, and the input named', () => {
    for (const text of ['a "b', "a 'b", 'a\\', '["a"', '[1]', '["a", {}]']) {
      assert.throws(() => words(text), { code: 'COMMAND_INVALID', message: /command/ }, text);
    }
  });
});

describe('ports', () => {
  it('are TCP unless they say otherwise', () => {
    assert.deepEqual(parsePorts(['8080', '53/udp', '0443/tcp']), ['8080/tcp', '53/udp', '443/tcp']);
  });

  it('out of range or of another kind are refused', () => {
    for (const port of ['0', '65536', 'http', '80/icmp', '80-90', '-1']) {
      assert.throws(() => parsePorts([port]), { code: 'PORT_INVALID' }, port);
    }
  });
});
