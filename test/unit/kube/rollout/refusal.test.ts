import assert from 'node:assert/strict';
import { DeliveryError } from '../../../../lib/errors/delivery-error.ts';
import { ApiError } from '../../../../lib/kube/client/api-error.ts';
import type { ApiStatus } from '../../../../lib/kube/client/api-error.ts';
import { explainApply } from '../../../../lib/kube/rollout/refusal.ts';
import type { Step } from '../../../../lib/kube/rollout/plan.ts';

function step(kind = 'Deployment'): Step {
  const desired = { apiVersion: 'apps/v1', kind, metadata: { name: 'web', namespace: 'shop' } };
  const resource = { apiVersion: 'apps/v1', kind, plural: 'deployments', namespaced: true };
  const ref = { resource, namespace: 'shop', name: 'web' };
  return { ref, title: `${kind}/web`, source: 'app.yml:3', desired, before: undefined, judged: 'first' };
}

function explain(status: number, reply: ApiStatus, kind?: string): DeliveryError {
  const asked = { verb: 'patch', resource: 'deployments.apps', namespace: 'shop', name: 'web' };
  const error = explainApply(new ApiError(status, reply, asked), step(kind));
  return error instanceof DeliveryError ? error : assert.fail('not explained');
}

describe('a refusal', () => {
  it('for fields of others names each field and its owner', () => {
    const cause = {
      reason: 'FieldManagerConflict',
      message: 'conflict with "kubectl" using apps/v1',
      field: '.spec.replicas',
    };
    const { code, message, remedy } = explain(409, { details: { causes: [cause] } });
    assert.equal(code, 'APPLY_CONFLICT');
    assert.match(message, /Deployment\/web \(app\.yml:3\).*\.spec\.replicas \(owned by kubectl\)/);
    assert.match(remedy, /forceConflicts/);
  });

  it('of a field that must not change says so, and what to do', () => {
    const cause = {
      reason: 'FieldValueInvalid',
      message: 'Invalid value: {…}: field is immutable',
      field: 'spec.selector',
    };
    const { code, message, remedy } = explain(422, { details: { causes: [cause] } });
    assert.equal(code, 'APPLY_REFUSED');
    assert.match(message, /spec\.selector.*does not allow/);
    assert.match(remedy, /kubectl delete deployments web/);
  });

  it('to give rights away that one does not have says what that takes', () => {
    const held = 'user "bot" is attempting to grant RBAC permissions not currently held: {…}';
    const { code, message, remedy } = explain(403, { message: `roles "web" is forbidden: ${held}` }, 'Role');
    assert.equal(code, 'APPLY_REFUSED');
    assert.match(message, /Role\/web .*not currently held/);
    assert.match(remedy, /the verb escalate on roles \(for a binding: bind/);
  });

  it('by permission names verb, resource and namespace', () => {
    const reply = { message: 'deployments.apps "web" is forbidden: User "bot" cannot patch resource "deployments"' };
    const { code, message } = explain(403, reply);
    assert.equal(code, 'CLUSTER_FORBIDDEN');
    assert.equal(message, '"bot" may not patch deployments.apps in namespace shop.');
  });

  it('by a webhook or quota is not mistaken for missing permission', () => {
    const reply = { message: 'admission webhook "policy.example.com" denied the request: no latest tags' };
    const { code, message } = explain(403, reply);
    assert.equal(code, 'APPLY_REFUSED');
    assert.match(message, /no latest tags/);
  });

  it('of a namespace that is missing says that', () => {
    const { code, message } = explain(404, { details: { kind: 'namespaces', name: 'shop' } });
    assert.equal(code, 'NAMESPACE_NOT_FOUND');
    assert.match(message, /"shop"/);
  });

  it('of a Secret never quotes its values', () => {
    const cause = { reason: 'FieldValueInvalid', message: 'Invalid value: "hunter2"', field: 'data.password' };
    const reply = { message: 'Secret "web" is invalid: "hunter2"', details: { causes: [cause] } };
    const { message } = explain(422, reply, 'Secret');
    assert.doesNotMatch(message, /hunter2/);
    assert.match(message, /data\.password/);
  });

  it('that the server writes at length is cut', () => {
    assert.ok(explain(422, { message: 'x'.repeat(10_000) }).message.length < 1000);
  });
});
