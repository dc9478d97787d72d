import assert from 'node:assert/strict';
import { eventLines } from '../../../../lib/kube/diagnosis/event-lines.ts';
import { event } from '../readiness/cluster-objects.ts';

describe('the events of an object', () => {
  it('are told once where only the name of a pod differs, with how often they happened', () => {
    const refused = (pod: string, told = ''): string => `${told}pods "${pod}" is forbidden: exceeded quota`;
    const events = [
      event('FailedCreate', refused('web-1')),
      { ...event('FailedCreate', refused('web-2', '(combined from similar events): ')), count: 4 },
      event('Unhealthy', 'Readiness probe failed'),
    ];
    assert.deepEqual(eventLines(events), [
      'event FailedCreate: pods "web-2" is forbidden: exceeded quota (5 times)',
      'event Unhealthy: Readiness probe failed',
    ]);
  });

  it('are only the warnings, and of many the newest', () => {
    const many = Array.from({ length: 30 }, (_, index) => event('Failed', `reason ${index}`));
    const lines = eventLines([{ ...event('Scheduled', 'to node 1'), type: 'Normal' }, ...many]);
    assert.deepEqual([lines.length, lines.at(-1)], [8, 'event Failed: reason 29']);
  });
});
