import assert from 'node:assert/strict';
import { RoleKeys, type SessionKeys } from '../../../lib/model/stores/role-keys.ts';

/** Sessions numbered as they are made, each good for so many seconds by a clock that the test moves. */
class Sessions {
  now = 0;
  made = 0;
  failing = false;
  readonly seconds: number;
  readonly keys: RoleKeys;

  constructor(seconds: number) {
    this.seconds = seconds;
    this.keys = new RoleKeys(
      () => this.#assume(),
      () => this.now,
    );
  }

  #assume(): Promise<SessionKeys> {
    if (this.failing) return Promise.reject(new Error('no'));
    const accessKeyId = String((this.made += 1));
    const expiration = new Date(this.now + this.seconds * 1000);
    return Promise.resolve({ accessKeyId, secretAccessKey: 's', sessionToken: 't', expiration });
  }

  async idAt(seconds: number): Promise<string> {
    this.now = seconds * 1000;
    return (await this.keys.keys()).accessKeyId;
  }
}

describe('keys of a role', () => {
  it('are asked for once, by however many requests', async () => {
    const sessions = new Sessions(3600);
    await Promise.all([1, 2, 3].map(() => sessions.keys.keys()));
    assert.equal(sessions.made, 1);
  });

  it('are renewed 5 minutes before they end, and those of short sessions in their last third', async () => {
    const hour = new Sessions(3600);
    assert.deepEqual([await hour.idAt(0), await hour.idAt(3299), await hour.idAt(3301)], ['1', '1', '2']);
    const minute = new Sessions(60);
    assert.deepEqual([await minute.idAt(0), await minute.idAt(39), await minute.idAt(41)], ['1', '1', '2']);
  });

  it('serve to their end where new ones cannot be had just then', async () => {
    const sessions = new Sessions(60);
    await sessions.idAt(0);
    sessions.failing = true;
    assert.equal(await sessions.idAt(59), '1');
    await assert.rejects(sessions.idAt(61), { name: 'RoleError' });
  });

  it('are asked for anew when the store does not take them any more', async () => {
    const sessions = new Sessions(3600);
    await sessions.idAt(0);
    sessions.keys.forget();
    assert.equal(await sessions.idAt(1), '2');
  });
});
