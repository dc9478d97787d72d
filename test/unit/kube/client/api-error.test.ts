import assert from 'node:assert/strict';
import { ApiError, explainMissing, explainRefusal } from '../../../../lib/kube/client/api-error.ts';

const ASKED = { verb: 'patch', resource: 'deployments.apps', namespace: 'shop', name: 'web' };
const FORBIDDEN =
  'deployments.apps "web" is forbidden: User "0f3c-11" cannot patch resource "deployments" in API group "apps" in the namespace "shop"';

describe('what the cluster refuses', () => {
  it('for want of a right names who, verb, resource and namespace, and the file with the Role', () => {
    const { code, message, remedy } = explainRefusal(new ApiError(403, { message: FORBIDDEN }, ASKED));
    assert.equal(code, 'CLUSTER_FORBIDDEN');
    assert.equal(message, '"0f3c-11" may not patch deployments.apps in namespace shop.');
    assert.equal(
      remedy,
      'Give it a Role that allows the verb patch on deployments.apps; docs/rollout-role.yml is one with all that is needed.',
    );
  });

  it('for want of the right to create, of which an apply is told no more than that it is forbidden, is known by just that', () => {
    const isForbidden = (message: string): boolean => new ApiError(403, { message }, ASKED).isForbidden;
    assert.ok(isForbidden('deployments.apps "web" is forbidden: '));
    assert.ok(isForbidden('deployments.apps "web" is forbidden: User does not have access to the resource in Azure.'));
    assert.ok(!isForbidden('deployments.apps "web" is forbidden: exceeded quota: small'));
  });

  it('for want of several rights names them all at once', () => {
    const leases = { resource: 'leases.coordination.k8s.io', namespace: 'shop' };
    const missing = [
      { verb: 'get', ...leases },
      { verb: 'delete', ...leases },
      { verb: 'patch', resource: 'secrets', namespace: 'shop' },
      { verb: 'create', resource: 'namespaces' },
    ];
    const { code, message, remedy } = explainMissing(missing, '');
    assert.equal(code, 'CLUSTER_FORBIDDEN');
    assert.ok(
      message.startsWith(
        'The account of the connection may not get, delete leases.coordination.k8s.io; patch secrets in namespace shop; create namespaces in the whole cluster.',
      ),
      message,
    );
    assert.match(message, /nothing was changed\.$/);
    assert.match(remedy, /^Give it a Role that allows all of that; docs\/rollout-role\.yml/);
    assert.equal(
      explainMissing(missing.slice(3), '').remedy,
      'Give it a ClusterRole that allows the verb create on namespaces; docs/rollout-namespace-role.yml is one with all that is needed.',
    );
    assert.equal(
      explainMissing([{ verb: 'patch', resource: 'clusterroles.rbac.authorization.k8s.io' }], '').remedy,
      'Give it a ClusterRole that allows the verb patch on clusterroles.rbac.authorization.k8s.io.',
    );
  });

  it('to somebody of Entra says how the Role is bound to them', () => {
    const error = new ApiError(403, { message: FORBIDDEN }, ASKED, { byEntra: true });
    assert.match(explainRefusal(error).remedy, /, bound to the kind User with the name above;/);
  });

  it('by the roles of Azure names the role, for the namespace or for the cluster', () => {
    const reason = 'User does not have access to the resource in Azure. Update role assignment to allow access.';
    const message = `${FORBIDDEN}: ${reason}`;
    assert.match(
      explainRefusal(new ApiError(403, { message }, ASKED, { byEntra: true })).remedy,
      /"Azure Kubernetes Service RBAC Writer" on the cluster, or on its namespaces\/shop alone;/,
    );
    const wide = { verb: 'get', resource: 'namespaces' };
    assert.match(explainRefusal(new ApiError(403, { message }, wide)).remedy, /RBAC Writer" on the cluster;/);
  });

  it('names no more rights than a task takes that only reads', () => {
    const byAzure = `${FORBIDDEN}: User does not have access to the resource in Azure.`;
    assert.match(explainRefusal(new ApiError(403, { message: byAzure }, ASKED), 'read').remedy, /RBAC Reader" on/);
    const own = explainRefusal(new ApiError(403, { message: FORBIDDEN }, ASKED), 'read');
    assert.match(own.remedy, /^Give it a Role that allows the verb \w+ on [\w.]+\.$/);
  });

  it('because it does not know who asks looks for the reason where it must be', () => {
    const byEntra = explainRefusal(new ApiError(401, {}, ASKED, { byEntra: true }));
    assert.equal(byEntra.code, 'CLUSTER_UNAUTHORIZED');
    assert.match(byEntra.remedy, /tenant/);
    assert.match(explainRefusal(new ApiError(401, {}, ASKED)).remedy, /service connection/);
  });
});
