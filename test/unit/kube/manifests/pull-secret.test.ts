import assert from 'node:assert/strict';
import type { ManifestObject } from '../../../../lib/kube/manifests/manifest-object.ts';
import { podTemplatesOf } from '../../../../lib/kube/manifests/pod-templates.ts';
import { withPullSecret } from '../../../../lib/kube/manifests/pull-secret.ts';

const SECRET = { name: 'pull', registry: 'shop.io', username: 'me', password: 'p"w' };

function workload(image: string, namespace?: string, secrets?: readonly string[]): ManifestObject {
  const imagePullSecrets = secrets?.map((name) => ({ name }));
  const podSpec = { containers: [{ image }], ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }) };
  const metadata = { name: 'web', ...(namespace === undefined ? {} : { namespace }) };
  return {
    source: 'a.yml:1',
    object: { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { template: { spec: podSpec } } },
  };
}

const secretsOf = ({ object }: ManifestObject): unknown =>
  [...podTemplatesOf(object).values()].flatMap(({ spec }) => spec.imagePullSecrets ?? []).map(({ name }) => name);

describe('an image pull secret', () => {
  it('is attached to the pods that pull from its registry, beside those that they have', () => {
    const objects = withPullSecret(
      [
        workload('shop.io/app:1', undefined, ['old', 'pull']),
        workload('other.io/app:1', undefined, ['old']),
        workload('shop.io.evil.com/app'),
      ],
      SECRET,
      'home',
    );
    assert.deepEqual(objects.slice(1).map(secretsOf), [['old', 'pull'], ['old'], []]);
  });

  it('comes along as docker logs in, once in each namespace', () => {
    const objects = withPullSecret(
      [
        workload('shop.io/a', 'one'),
        workload('shop.io/b', 'one'),
        workload('shop.io/c'),
        workload('shop.io/d', 'home'),
      ],
      SECRET,
      'home',
    );
    const secrets = objects.filter(({ object }) => object.kind === 'Secret').map(({ object }) => object);
    assert.deepEqual(
      secrets.map(({ metadata }) => metadata),
      [
        { name: 'pull', namespace: 'one' },
        { name: 'pull', namespace: 'home' },
      ],
    );
    const [secret] = secrets;
    assert.equal(secret?.type, 'kubernetes.io/dockerconfigjson');
    const { '.dockerconfigjson': config = '' } = secret.data as Record<string, string>;
    assert.deepEqual(JSON.parse(Buffer.from(config, 'base64').toString()), {
      auths: { 'shop.io': { username: 'me', password: 'p"w', auth: btoa('me:p"w') } },
    });
  });

  it('goes by the old address of Docker Hub for images that name no registry', () => {
    const [secret] = withPullSecret([workload('me/app')], { ...SECRET, registry: 'docker.io' }, 'home');
    const { '.dockerconfigjson': config = '' } = secret?.object.data as Record<string, string>;
    assert.match(Buffer.from(config, 'base64').toString(), /"https:\/\/index\.docker\.io\/v1\/"/);
  });

  it('does not come along where no pod needs it', () => {
    const objects = [workload('other.io/app:1')];
    assert.deepEqual(withPullSecret(objects, SECRET, 'home'), objects);
  });
});
