import assert from 'node:assert/strict';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { type ChannelMove, type ChannelTarget, moveChannel, readChannels } from '../../../lib/model/channel.ts';
import { writeDeprecation } from '../../../lib/model/deprecation.ts';
import { ManagedLayout } from '../../../lib/model/layout.ts';
import { wantedVersion } from '../../../lib/model/wanted-version.ts';
import type { ObjectStore } from '../../../lib/model/stores/object-store.ts';
import { delegating, STORE_KINDS, type TestStore } from '../../support/object-stores.ts';

const NEVER = new AbortController().signal;
const NAME = 'models/digits/channels/production.json';

for (const kind of STORE_KINDS) {
  describe(`a channel in a store on ${kind.name}`, function () {
    this.timeout(60_000);
    const layout = new ManagedLayout('models');
    let behind: TestStore;
    let store: ObjectStore;

    beforeEach(async () => {
      behind = await kind.fresh();
      store = await behind.open();
    });
    afterEach(() => behind.remove());

    const move = (version: string, wanted: Partial<ChannelTarget> = {}, on = store): Promise<ChannelMove> => {
      const target = { model: 'digits', channel: 'production', version, digest: `sha256:${version}`, ...wanted };
      return moveChannel({ store: on, layout }, target, NEVER);
    };
    const deprecate = (version: string): Promise<unknown> => {
      const said = { reason: 'biased', deprecated: new Date() };
      return writeDeprecation({ store, layout }, { model: 'digits', version }, said, NEVER);
    };
    const named = async (): Promise<readonly string[]> =>
      (await readChannels({ store, layout }, 'digits', NEVER)).map(({ name, version }) => `${name} ${version}`);
    /** Something happens when a move has written the channel; then its answer may get lost. */
    const writing = (happens: () => Promise<unknown>, answer = true): ObjectStore => ({
      ...delegating(store),
      write: async (name, bytes, condition, signal) => {
        const written = await store.write(name, bytes, condition, signal);
        if (name !== NAME || !written) return written;
        await happens();
        return answer;
      },
    });

    it('that names the version already is not moved, and tells no version before', async () => {
      await move('1');
      assert.deepEqual(await move('2'), { moved: true, previous: '1' });
      assert.deepEqual(await move('2'), { moved: false, previous: undefined });
    });

    it('that names the version already is held against what is expected, and against a deprecation', async () => {
      await move('1');
      assert.deepEqual(await move('1', { expected: '1' }), { moved: false, previous: undefined });
      await assert.rejects(move('1', { expected: '0' }), { code: 'CHANNEL_MOVED' });
      await deprecate('1');
      await assert.rejects(move('1'), { code: 'VERSION_DEPRECATED' });
      assert.deepEqual(await named(), ['production 1']);
    });

    it('was moved by the very write whose answer got lost', async () => {
      await move('1');
      const lossy = writing(() => Promise.resolve(), false);
      assert.deepEqual(await move('2', { expected: '1' }, lossy), { moved: true, previous: '1' });
    });

    for (const answer of [true, false]) {
      it(`is moved back where the version is deprecated meanwhile, ${answer ? 'as it was before' : 'also after an answer that got lost'}`, async () => {
        await move('1');
        await assert.rejects(
          move(
            '2',
            {},
            writing(() => deprecate('2'), answer),
          ),
          { code: 'VERSION_DEPRECATED' },
        );
        assert.deepEqual(await named(), ['production 1']);
      });
    }

    it('names nothing again where it named nothing before, and is like one that was never there', async () => {
      await assert.rejects(
        move(
          '2',
          {},
          writing(() => deprecate('2')),
        ),
        { code: 'VERSION_DEPRECATED' },
      );
      assert.deepEqual(await named(), []);
      await assert.rejects(wantedVersion({ store, layout }, 'digits', { channel: 'production' }, NEVER), {
        code: 'CHANNEL_NOT_FOUND',
        remedy: 'It has no channel at all yet.',
      });
      assert.deepEqual(await move('1'), { moved: true, previous: undefined });
    });

    it('that another has moved meanwhile is never moved back, also where it named nothing before', async () => {
      let refused = false;
      const slow: ObjectStore = {
        ...writing(async () => {
          await deprecate('2');
          refused = true;
        }),
        // Between what is seen of the channel and what is done to it, another moves it.
        read: async (name, signal) => {
          const seen = await store.read(name, signal);
          if (name === NAME && refused) await move('1');
          return seen;
        },
      };
      await assert.rejects(move('2', {}, slow), { code: 'VERSION_DEPRECATED' });
      assert.deepEqual(await named(), ['production 1']);
    });

    it('that cannot be moved back is told as such, beside why it should not have been moved', async () => {
      let refused = false;
      const gone: ObjectStore = {
        ...writing(async () => {
          await deprecate('2');
          refused = true;
        }),
        read: (name, signal) =>
          name === NAME && refused
            ? Promise.reject(new DeliveryError('STORE_UNREACHABLE', { message: 'It is gone.', remedy: 'Wait.' }))
            : store.read(name, signal),
      };
      await assert.rejects(move('2', {}, gone), {
        code: 'VERSION_DEPRECATED',
        message: /is deprecated: biased\. The channel production names it all the same, .*: It is gone\.$/,
        remedy: /^Let the channel name another version/,
      });
    });
  });
}
