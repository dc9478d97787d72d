import assert from 'node:assert/strict';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { parseConnections } from '../../../tools/agent/connections-file.ts';
import { connectionSecrets } from '../../../tools/agent/endpoint-environment.ts';

const REGISTRY = `connections:
  - name: registry
    type: dockerregistry
    url: https://r.example
    authorization:
      scheme: UsernamePassword
      parameters: { registry: https://r.example, username: me, password: { env: PASSWORD } }
`;
const parse = (text: string) => parseConnections(text, 'c.yml', { PASSWORD: 's3cret' });

describe('a connections file', () => {
  it('may take values from the environment', () => {
    assert.equal(parse(REGISTRY)[0]?.authorization.parameters.password, 's3cret');
  });

  it('tells what must never be shown', () => assert.deepEqual(connectionSecrets(parse(REGISTRY)), ['s3cret']));

  for (const [title, text, message] of [
    ['an unset environment variable', REGISTRY.replace('PASSWORD', 'OTHER'), /^c\.yml:7: .*variable OTHER is not set/],
    ['an unknown field', REGISTRY.replace('url:', 'uri:'), /^c\.yml:4: .*"uri".*Did you mean url/],
    ['no type', REGISTRY.replace('    type: dockerregistry\n', ''), /^c\.yml:2: the type is missing/],
    ['two of one name', REGISTRY + REGISTRY.replace('connections:\n', ''), /two connections of the name registry/],
  ] as const) {
    it(`with ${title} is refused, with its line`, () => {
      assert.throws(
        () => parse(text),
        (error) => error instanceof DeliveryError && message.test(`${error.message} ${error.remedy}`),
      );
    });
  }
});
