import assert from 'node:assert/strict';
import type { AccessRule, Denial, KubeClient, Right } from '../../../../lib/kube/client/kube-client.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import {
  missingRights,
  refuseMissingRights,
  rightsToStage,
  rightsToWrite,
} from '../../../../lib/kube/rollout/rights.ts';
import type { Intent } from '../../../../lib/kube/rollout/rights.ts';

const SIGNAL = new AbortController().signal;

function object(value: string, kind = 'Widget'): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name: 'web', namespace: 'shop' }, spec: { value } };
}

/** What a run means to do with an object of a kind. */
function intent(parts: Partial<Intent>, kind = 'Widget'): Intent {
  const resource = { apiVersion: 'v1', kind, plural: 'widgets', namespaced: true };
  const ref = { resource, namespace: 'shop', name: 'web' };
  return { ref, before: undefined, desired: object('new', kind), ...parts };
}

const BEFORE = { before: object('old'), preview: object('new') };

/** The verbs that an intent takes on its own kind, in order. */
function verbs(rights: readonly Right[], plural = 'widgets'): string {
  const own = rights.filter(({ resource }) => resource.plural === plural).map(({ verb }) => verb);
  return [...new Set(own)].sort().join(' ');
}

describe('the rights to ask for before anything is written', () => {
  it('are to see how it goes, and to put back what is made, changed, recreated or removed', () => {
    const of = (parts: Partial<Intent>): string => verbs(rightsToWrite([intent(parts)], true));
    assert.equal(of({}), 'delete get watch');
    assert.equal(of(BEFORE), 'get update watch');
    assert.equal(of({ ...BEFORE, preview: object('old') }), 'watch');
    assert.equal(of({ ...BEFORE, recreates: true }), 'create delete get watch');
    assert.equal(of({ before: object('old'), desired: undefined }), 'create delete get patch watch');
  });

  it('are fewer where nothing is put back', () => {
    const of = (parts: Partial<Intent>): string => verbs(rightsToWrite([intent(parts)], false));
    assert.equal(of({}), 'watch');
    assert.equal(of(BEFORE), 'watch');
    assert.equal(of({ ...BEFORE, recreates: true }), 'create delete get watch');
    assert.equal(of({ before: object('old'), desired: undefined }), 'delete watch');
  });

  it('are to remove pods only where a StatefulSet changes, which may get stuck', () => {
    const of = (one: Intent): string => verbs(rightsToWrite([one], true), 'pods');
    assert.equal(of(intent(BEFORE)), 'watch');
    assert.equal(of(intent({}, 'StatefulSet')), 'watch');
    assert.equal(of(intent(BEFORE, 'StatefulSet')), 'delete watch');
  });

  it('of what stands beside the stable version are all, since no dry run shows them', () => {
    assert.equal(verbs(rightsToStage([intent({})])), 'create delete get patch watch');
    assert.equal(verbs(rightsToStage([intent({ before: object('old') })])), 'get patch update watch');
  });

  /** A cluster that tells these rules and, asked for a single right, denies to watch. */
  function clusterWith(...rules: readonly AccessRule[]): { readonly client: KubeClient; readonly asked: string[] } {
    const asked: string[] = [];
    const denialOf = (right: Right): Promise<Denial | undefined> => {
      asked.push([right.verb, right.resource.plural, right.name].join(' ').trim());
      return Promise.resolve(right.verb === 'watch' ? { right, reason: '' } : undefined);
    };
    return { client: { rulesIn: () => Promise.resolve(rules), denialOf } as unknown as KubeClient, asked };
  }

  it('are each asked for once, and those that are missing told together', async () => {
    const { client, asked } = clusterWith();
    const wanted = rightsToWrite([intent({}), intent(BEFORE)], true);
    const missing = await missingRights(client, wanted, SIGNAL);
    assert.equal(new Set(asked).size, asked.length);
    assert.deepEqual(missing.map(({ right }) => right.resource.plural).sort(), ['pods', 'replicasets', 'widgets']);
    await assert.rejects(refuseMissingRights(client, wanted, SIGNAL), /watch widgets; watch pods; watch replicasets/);
  });

  it('are asked for on single objects where they are denied for all of a kind', async () => {
    const own = new Set(['delete web', 'get web', 'watch web']);
    const denialOf = (right: Right): Promise<Denial | undefined> => {
      const isGiven = right.resource.plural !== 'widgets' || own.has(`${right.verb} ${right.name ?? ''}`);
      return Promise.resolve(isGiven ? undefined : { right, reason: '' });
    };
    const client = { rulesIn: () => Promise.resolve([]), denialOf } as unknown as KubeClient;
    assert.deepEqual(await missingRights(client, rightsToWrite([intent({})], true), SIGNAL), []);
    const [denied] = await missingRights(client, rightsToWrite([intent(BEFORE)], true), SIGNAL);
    assert.equal(denied?.right.verb, 'update');
  });

  it('are not asked for where a rule of the namespace allows them, for all objects or for this one', async () => {
    const all = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
    const own = { verbs: ['get', 'delete', 'watch'], apiGroups: [''], resources: ['pods', 'widgets'] };
    const wanted = rightsToWrite([intent({})], true);
    const askedWith = async (rule: AccessRule): Promise<readonly string[]> => {
      const { client, asked } = clusterWith(rule);
      await missingRights(client, wanted, SIGNAL);
      return asked;
    };
    assert.deepEqual(await askedWith(all), []);
    assert.deepEqual(await askedWith(own), ['watch replicasets']);
    const named = { ...all, resourceNames: ['web'] };
    assert.deepEqual(await askedWith(named), ['watch pods', 'watch replicasets']);
    assert.equal((await askedWith({ ...all, resourceNames: ['other'] })).includes('delete widgets'), true);
  });
});
