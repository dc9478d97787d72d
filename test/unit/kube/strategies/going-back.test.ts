import assert from 'node:assert/strict';
import { DeliveryError } from '../../../../lib/errors/delivery-error.ts';
import { keyOf } from '../../../../lib/kube/application/footprint.ts';
import type { Footprint } from '../../../../lib/kube/application/footprint.ts';
import { ApiError } from '../../../../lib/kube/client/api-error.ts';
import type { ObjectRef } from '../../../../lib/kube/client/resource.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import { Beside } from '../../../../lib/kube/strategies/beside.ts';
import type { BesideTools } from '../../../../lib/kube/strategies/beside.ts';
import { DEPLOYMENTS } from '../../../../lib/kube/strategies/deployment.ts';
import { selectorOf, selectorStep } from '../../../../lib/kube/strategies/service-switch.ts';
import { Timeline } from '../../../../lib/kube/strategies/timeline.ts';
import { TEMPORARY, TRACK } from '../../../../lib/kube/strategies/track.ts';
import { waitsOf } from '../../../support/skipped-waits.ts';
import { around } from '../readiness/cluster-objects.ts';
import { webDeployment, webService } from './deployments.ts';

const AWAY = new DeliveryError('CLUSTER_UNREACHABLE', { message: 'The API server is away.', remedy: 'Wait.' });
const FORBIDDEN = new ApiError(403, { message: 'no' }, { verb: 'patch', resource: 'services' });

/** Requests go to a green version beside the stable one. */
class SwitchedCluster {
  readonly #objects: Map<string, KubeObject>;
  readonly #service: Footprint;
  readonly #green: Footprint;
  readonly beside: Beside;
  /** What becomes of the next requests, one each; undefined if they succeed, as those after them do. */
  failures: (Error | undefined)[] = [];

  constructor() {
    const { metadata, ...rest } = webDeployment();
    const ref = { resource: DEPLOYMENTS, namespace: 'shop', name: 'web-green' };
    const labels = { [TEMPORARY]: 'shop' };
    const managedFields = [{ manager: 'model-delivery', operation: 'Apply' }];
    const desired: KubeObject = { ...rest, metadata: { ...metadata, name: 'web-green', labels, managedFields } };
    this.#green = { ref, before: undefined, desired };
    this.#service = selectorStep(webService(), { app: 'web' });
    const switched = webService({ selector: { app: 'web', [TRACK]: 'green' } });
    this.#objects = new Map<string, KubeObject>([
      [keyOf(this.#service.ref), { ...switched, metadata: { ...switched.metadata, resourceVersion: '10' } }],
      [keyOf(ref), desired],
    ]);
    this.beside = new Beside(this.#tools() as unknown as BesideTools, [this.#service, this.#green]);
  }

  get reached(): unknown {
    return selectorOf(this.#objects.get(keyOf(this.#service.ref)));
  }

  get hasGreen(): boolean {
    return this.#objects.has(keyOf(this.#green.ref));
  }

  #answer<T>(act: () => T): Promise<T> {
    const failure = this.failures.shift();
    return failure === undefined ? Promise.resolve(act()) : Promise.reject(failure);
  }

  #tools(): object {
    const silent = { line: () => undefined, group: () => undefined, warn: () => undefined, progress: () => undefined };
    const find = (ref: ObjectRef): KubeObject | undefined => this.#objects.get(keyOf(ref));
    const put = (ref: ObjectRef, object: KubeObject): KubeObject => {
      this.#objects.set(keyOf(ref), object);
      return object;
    };
    const patched = (ref: ObjectRef, value: object): KubeObject => {
      const live = find(ref);
      return live === undefined
        ? webService()
        : put(ref, { ...live, spec: { ...(live.spec as object), selector: value } });
    };
    return {
      reporter: silent,
      timeline: new Timeline(),
      client: {
        get: (ref: ObjectRef) => this.#answer(() => find(ref)),
        patchJson: (ref: ObjectRef, [{ value }]: readonly [{ readonly value: object }]) =>
          this.#answer(() => patched(ref, value)),
        replace: (ref: ObjectRef, object: KubeObject) => this.#answer(() => put(ref, object)),
        remove: (ref: ObjectRef) => this.#answer(() => this.#objects.delete(keyOf(ref))),
      },
      view: { openWhenReached: () => Promise.resolve(), object: () => undefined, around: () => around() },
    };
  }
}

describe('going back from a version beside the stable one', () => {
  it('outlasts an API server that is away', async () => {
    const cluster = new SwitchedCluster();
    let stranded: readonly string[] | undefined;
    // Away at each of the requests that send the Service back, one after the other.
    cluster.failures = [AWAY, undefined, AWAY, undefined, AWAY];
    await waitsOf(async () => {
      stranded = await cluster.beside.goBack('unsound');
    });
    assert.deepEqual(stranded, []);
    assert.deepEqual(cluster.reached, { app: 'web' });
    assert.equal(cluster.hasGreen, false);
    assert.ok(cluster.beside.isEmpty);
  });

  it('tells what is still there where requests cannot be sent back, and leaves up what they reach', async () => {
    const cluster = new SwitchedCluster();
    cluster.failures = [FORBIDDEN];
    const stranded = await cluster.beside.goBack('unsound');
    assert.match(stranded.join(), /Service\/web .*Deployment\/web-green/);
    assert.ok(cluster.hasGreen);
    assert.equal(cluster.beside.isEmpty, false);
  });
});
