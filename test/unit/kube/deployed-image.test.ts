import assert from 'node:assert/strict';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { parseWorkload } from '../../../lib/kube/deployed-image.ts';

describe('the name of a workload', () => {
  for (const [text, kind, name] of [
    ['digits', 'Deployment', 'digits'],
    ['deployment/digits', 'Deployment', 'digits'],
    ['Deployments/digits', 'Deployment', 'digits'],
    ['StatefulSet/digits-2', 'StatefulSet', 'digits-2'],
    ['daemonset/digits.v2', 'DaemonSet', 'digits.v2'],
  ] as const) {
    it(`${text} is ${kind} ${name}`, () => {
      const workload = parseWorkload(text);
      assert.deepEqual([workload.resource.kind, workload.name], [kind, name]);
    });
  }

  for (const text of ['job/digits', 'deployment/', '/digits', 'a/b/c', 'two words', '../secrets/x']) {
    it(`is not ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseWorkload(text),
        (error) => error instanceof DeliveryError && error.code === 'WORKLOAD_INVALID',
      );
    });
  }
});
