import assert from 'node:assert/strict';
import { ApiError, explainRefusal } from '../../../../lib/kube/client/api-error.ts';

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

  it('because it does not know who asks looks for the reason where it must be', () => {
    const byEntra = explainRefusal(new ApiError(401, {}, ASKED, { byEntra: true }));
    assert.equal(byEntra.code, 'CLUSTER_UNAUTHORIZED');
    assert.match(byEntra.remedy, /tenant/);
    assert.match(explainRefusal(new ApiError(401, {}, ASKED)).remedy, /service connection/);
  });
});
