import assert from 'node:assert/strict';
import {
  accountAddress,
  type AzureAccess,
  type AzureCredential,
  checkContainer,
  checkTransport,
  fromConnectionString,
  keyCredential,
  sasCredential,
  secretsOf,
} from '../../../lib/model/stores/azure-access.ts';

const KEY = Buffer.alloc(64, 7).toString('base64');
const SAS = 'sv=2024-11-04&se=2030-01-01T00:00:00Z&sp=rl&sig=a%2Bb%3D';

describe('a storage account', () => {
  it('is known by its name', () => {
    assert.deepEqual(accountAddress('shop1'), { account: 'shop1', endpoint: 'https://shop1.blob.core.windows.net' });
  });

  it('is known by its blob endpoint, also in other clouds and on emulators', () => {
    assert.deepEqual(accountAddress('https://shop.blob.core.chinacloudapi.cn/'), {
      account: 'shop',
      endpoint: 'https://shop.blob.core.chinacloudapi.cn',
    });
    assert.deepEqual(accountAddress('http://127.0.0.1:10000/devstoreaccount1'), {
      account: 'devstoreaccount1',
      endpoint: 'http://127.0.0.1:10000/devstoreaccount1',
    });
  });

  it('given by the address of a container is refused, with the address of the account', () => {
    assert.throws(() => accountAddress('https://shop.blob.core.windows.net/models'), {
      code: 'STORE_ADDRESS_INVALID',
      remedy: /^Use https:\/\/shop\.blob\.core\.windows\.net, /,
    });
  });

  it('that is neither is refused', () => {
    for (const text of ['Shop_1', 'ftp://shop', 'shop.blob.core.windows.net']) {
      assert.throws(() => accountAddress(text), { code: 'STORE_ADDRESS_INVALID' });
    }
  });
});

describe('a container', () => {
  it('has a name that Azure allows', () => {
    for (const name of ['models', 'a-b-1', '$root', '$web']) assert.equal(checkContainer(name), name);
    for (const name of ['Models', 'a', 'a--b', '-ab', 'models/prod', 'x'.repeat(64)]) {
      assert.throws(() => checkContainer(name), { code: 'STORE_ADDRESS_INVALID' });
    }
  });
});

describe('a connection string', () => {
  it('gives endpoint and key', () => {
    const text = `DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=${KEY};EndpointSuffix=core.windows.net`;
    assert.deepEqual(fromConnectionString(text), {
      account: 'shop',
      endpoint: 'https://shop.blob.core.windows.net',
      credential: { kind: 'key', accountKey: KEY },
    });
  });

  it('may carry a shared access signature instead', () => {
    const text = `BlobEndpoint=https://shop.blob.core.windows.net/;SharedAccessSignature=${SAS}`;
    assert.deepEqual(fromConnectionString(text).credential, { kind: 'sas', token: SAS });
  });

  it('may mean the emulator', () => {
    assert.equal(
      fromConnectionString('UseDevelopmentStorage=true').endpoint,
      'http://127.0.0.1:10000/devstoreaccount1',
    );
  });

  it('that is no such list, or lacks a part, is refused without being repeated', () => {
    for (const text of ['hunter2', `AccountName=shop`, `AccountKey=${KEY}`, `BlobEndpoint=shop;AccountKey=${KEY}`]) {
      assert.throws(
        () => fromConnectionString(text),
        (error: Error) => error.message.startsWith('The connection string') && !error.message.includes(text),
      );
    }
  });

  it('cannot send keys in the clear to the internet', () => {
    const text = `DefaultEndpointsProtocol=http;AccountName=shop;AccountKey=${KEY}`;
    assert.throws(() => fromConnectionString(text), { code: 'CONNECTION_STRING_INVALID', message: /in the clear/ });
  });
});

describe('the way to a container', () => {
  const access = (endpoint: string, credential: AzureCredential): AzureAccess => ({
    account: 'shop',
    endpoint,
    container: 'models',
    credential,
  });
  const token: AzureCredential = { kind: 'token', token: () => Promise.resolve('t'), identity: 'the application a1' };

  it('is never open to listeners where a token or signature goes over it', () => {
    for (const credential of [token, sasCredential(SAS)]) {
      assert.throws(() => checkTransport(access('http://shop.example.com', credential)), {
        code: 'STORE_ADDRESS_INVALID',
        message: /in the clear/,
      });
      checkTransport(access('https://shop.example.com', credential));
      checkTransport(access('http://127.0.0.1:10000/devstoreaccount1', credential));
    }
  });

  it('may be, where a key only signs or nothing is shown', () => {
    for (const credential of [keyCredential(KEY), { kind: 'anonymous' } as const]) {
      checkTransport(access('http://shop.example.com', credential));
    }
  });
});

describe('an account key', () => {
  it('that was not copied whole is told as such, and not repeated', () => {
    for (const key of [KEY.slice(0, 79), KEY.slice(1), 'hunter2', `${KEY}!`]) {
      assert.throws(
        () => keyCredential(key),
        (error: Error & { code?: string }) => error.code === 'ACCOUNT_KEY_INVALID' && !error.message.includes(key),
      );
    }
  });
});

describe('a shared access signature', () => {
  it('may be a token, with its question mark, or a URL', () => {
    for (const text of [SAS, `?${SAS}`, `https://shop.blob.core.windows.net/models?${SAS}`]) {
      assert.deepEqual(sasCredential(text), { kind: 'sas', token: SAS });
    }
  });

  it('that has expired is refused before any request, with the time', () => {
    assert.throws(() => sasCredential(SAS, new Date('2031-01-01')), {
      code: 'STORE_UNAUTHORIZED',
      message: /expired on 2030-01-01T00:00:00\.000Z/,
    });
  });

  it('that lacks its signature or expiry is none', () => {
    assert.throws(() => sasCredential('sv=2024&se=2030-01-01'), { code: 'SAS_INVALID', message: /sig/ });
    assert.throws(() => sasCredential('sv=2024&sig=x'), { code: 'SAS_INVALID', message: /se/ });
  });

  it('is hidden in every spelling', () => {
    assert.deepEqual(secretsOf(sasCredential(SAS)), [SAS, 'a+b=', 'a%2Bb%3D']);
  });
});
