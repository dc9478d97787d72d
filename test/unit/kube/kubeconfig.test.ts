import assert from 'node:assert/strict';
import { readKubeconfig } from '../../../lib/kube/kubeconfig.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

interface Parts {
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly context?: Readonly<Record<string, unknown>>;
}

/** A kubeconfig of one context, `shop`; JSON is YAML too. */
function kubeconfig({ cluster = {}, user = {}, context = {} }: Parts = {}): string {
  return JSON.stringify({
    'current-context': 'shop',
    contexts: [{ name: 'shop', context: { cluster: 'c', user: 'u', ...context } }],
    clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443', ...cluster } }],
    users: [{ name: 'u', user }],
  });
}

describe('a kubeconfig', () => {
  it('gives server, authority, namespace and token of its current context', () => {
    const access = readKubeconfig(
      kubeconfig({
        cluster: { 'certificate-authority-data': base64(PEM), 'tls-server-name': 'api' },
        user: { token: 'secret' },
        context: { namespace: 'shop' },
      }),
    );
    assert.deepEqual(access, {
      server: 'https://10.0.0.1:6443',
      ca: PEM,
      insecureSkipTlsVerify: false,
      tlsServerName: 'api',
      proxyUrl: undefined,
      namespace: 'shop',
      credential: { token: 'secret' },
    });
  });

  it('gives a client certificate, a user name and password', () => {
    const user = {
      'client-certificate-data': base64(PEM),
      'client-key-data': base64(PEM),
      username: 'me',
      password: 'secret',
    };
    assert.deepEqual(readKubeconfig(kubeconfig({ user })).credential, {
      certificate: { cert: PEM, key: PEM },
      basic: { username: 'me', password: 'secret' },
    });
  });

  it('without the wanted context lists those it has', () => {
    assert.throws(() => readKubeconfig(kubeconfig(), { context: 'other' }), {
      code: 'KUBECONFIG_CONTEXT_NOT_FOUND',
      remedy: 'Choose one of: shop.',
    });
  });

  describe('whose user signs in by a program', () => {
    const AKS = '6dae42f8-4368-4678-94ff-3960e28e3630';
    const entra = { application: AKS, tokens: () => Promise.resolve('of-entra') };
    const byKubelogin = (command: string, ...args: readonly string[]): string =>
      kubeconfig({ user: { exec: { command, args: ['get-token', ...args] } } });

    it('is refused, and the program is named', () => {
      const byAws = kubeconfig({ user: { exec: { command: 'aws' } } });
      for (const options of [{}, { entra }]) {
        assert.throws(() => readKubeconfig(byAws, options), {
          code: 'KUBECONFIG_UNSUPPORTED',
          message: /by running aws,/,
          remedy: /service account/,
        });
      }
    });

    it('takes tokens of Entra in the place of kubelogin, where somebody is signed in there', async () => {
      for (const text of [
        byKubelogin('kubelogin', '--server-id', AKS, '--login', 'devicecode'),
        byKubelogin('/usr/local/bin/kubelogin', `--server-id=${AKS}`),
        byKubelogin('C:\\tools\\kubelogin.exe'),
        kubeconfig({ user: { 'auth-provider': { name: 'azure', config: { 'apiserver-id': AKS } } } }),
      ]) {
        const { credential } = readKubeconfig(text, { entra });
        assert.equal(await credential.tokens?.(), 'of-entra');
      }
    });

    it('says what to set where nobody is signed in to Entra', () => {
      assert.throws(() => readKubeconfig(byKubelogin('kubelogin')), {
        code: 'KUBECONFIG_UNSUPPORTED',
        message: /kubelogin/,
        remedy: /connectionType to azureResourceManager/,
      });
    });

    it('gets no token for another application than AKS', () => {
      for (const text of [
        byKubelogin('kubelogin', '--server-id', 'https://vault.azure.net'),
        kubeconfig({
          user: { 'auth-provider': { name: 'azure', config: { 'apiserver-id': 'https://vault.azure.net' } } },
        }),
      ]) {
        assert.throws(() => readKubeconfig(text, { entra }), {
          code: 'KUBECONFIG_UNSUPPORTED',
          message: /application https:\/\/vault/,
        });
      }
    });
  });

  for (const [part, field] of [
    ['cluster', 'certificate-authority'],
    ['user', 'client-certificate'],
    ['user', 'client-key'],
    ['user', 'tokenFile'],
  ] as const) {
    it(`that keeps its ${field} in a file is refused, because the file is not on the agent`, () => {
      assert.throws(() => readKubeconfig(kubeconfig({ [part]: { [field]: '/home/me/file' } })), {
        code: 'KUBECONFIG_UNSUPPORTED',
        remedy: /--flatten/,
      });
    });
  }

  it('that is broken never has its text in the message', () => {
    for (const text of ['token: "secret', 'secret', '- secret', 'users: secret', 'contexts: {a: secret}', '']) {
      assert.throws(
        () => readKubeconfig(text),
        (error: { code?: string; message: string }) => {
          assert.equal(error.code, 'KUBECONFIG_INVALID');
          assert.doesNotMatch(error.message, /secret/);
          return true;
        },
      );
    }
  });

  it('with half a certificate, no PEM text, or a server that is no URL is refused', () => {
    const invalid = { code: 'KUBECONFIG_INVALID' };
    assert.throws(() => readKubeconfig(kubeconfig({ user: { 'client-key-data': base64(PEM) } })), invalid);
    assert.throws(() => readKubeconfig(kubeconfig({ cluster: { 'certificate-authority-data': 'AAAA' } })), invalid);
    assert.throws(() => readKubeconfig(kubeconfig({ cluster: { server: 'nowhere' } })), invalid);
    assert.throws(() => readKubeconfig(kubeconfig({ context: { user: 'gone' } })), invalid);
  });

  it('with a proxy that is not an http one is refused', () => {
    assert.throws(() => readKubeconfig(kubeconfig({ cluster: { 'proxy-url': 'socks5://10.0.0.1' } })), {
      code: 'KUBECONFIG_UNSUPPORTED',
    });
  });
});
