import assert from 'node:assert/strict';
import { type Trial, tryAgain, tryCuts, tryKills, tryOverwrites, tryRaces } from '../../support/promises.ts';
import { chosenSeed } from '../../support/random.ts';

// `npm run bench -- faults` tries the same far more often.
describe('the model store promises', function () {
  this.timeout(400_000);
  const seed = chosenSeed();
  const kept = ({ broken }: Trial): void => assert.deepEqual(broken, [], `repeat with FAULT_SEED=${seed}`);

  it('never a wrong or partial model, through 50 fetches whose connections are cut at random bytes', async () => {
    kept(await tryCuts({ runs: 50, seed }));
  });

  it('never two states of a container in one model', async () => {
    kept(await tryOverwrites({ runs: 10, seed }));
  });

  it('the old model, the new one or none, whenever a fetch is killed, and the next one completes', async () => {
    kept(await tryKills({ runs: 8, seed }));
  });

  it('one winner of twenty that publish one version at once', async () => {
    kept(await tryRaces({ runs: 2, seed }));
  });

  it('that to do it again changes nothing', async () => {
    kept(await tryAgain({ runs: 2, seed }));
  });
});
