import assert from 'node:assert/strict';
import { type SignIn, TokenSource } from '../../../lib/azure/token-source.ts';

/** A clock of its own, and an identity whose tokens live as long as told. */
function bench(life: number): {
  readonly source: TokenSource;
  readonly asked: readonly string[];
  readonly pass: (milliseconds: number) => void;
  readonly fail: (error: Error | undefined) => void;
} {
  let [now, failure]: [number, Error | undefined] = [0, undefined];
  const asked: string[] = [];
  const signIn: SignIn = async (scope, afresh) => {
    await Promise.resolve();
    if (failure !== undefined) throw failure;
    asked.push(`${scope}${afresh ? ' afresh' : ''}`);
    return { token: `token ${asked.length}`, expires: now + life };
  };
  return {
    source: new TokenSource(signIn, 'scope', () => now),
    asked,
    pass: (milliseconds) => (now += milliseconds),
    fail: (error) => (failure = error),
  };
}

describe('a token', () => {
  it('is asked for once, however many requests wait for it', async () => {
    const { source, asked } = bench(60_000);
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => source.token())), ['token 1', 'token 1', 'token 1']);
    assert.deepEqual(asked, ['scope']);
  });

  it('that lives for a minute is renewed when a third of that is left', async () => {
    const { source, pass } = bench(60_000);
    await source.token();
    pass(39_000);
    assert.equal(await source.token(), 'token 1');
    pass(2_000);
    assert.equal(await source.token(), 'token 2');
  });

  it('that lives for an hour is renewed when five minutes are left', async () => {
    const { source, pass } = bench(3_600_000);
    await source.token();
    pass(54 * 60_000);
    assert.equal(await source.token(), 'token 1');
    pass(2 * 60_000);
    assert.equal(await source.token(), 'token 2');
  });

  it('is used to its end where no other can be had', async () => {
    const { source, pass, fail } = bench(60_000);
    await source.token();
    fail(new Error('away'));
    pass(50_000);
    assert.equal(await source.token(), 'token 1');
    pass(11_000);
    await assert.rejects(source.token(), { message: 'away' });
    fail(undefined);
    assert.equal(await source.token(), 'token 2');
  });

  it('that was refused is not given again', async () => {
    const { source, asked } = bench(60_000);
    const first = await source.token();
    assert.equal(await source.token(first), 'token 2');
    assert.equal(await source.token(first), 'token 2');
    assert.deepEqual(asked, ['scope', 'scope afresh']);
  });
});
