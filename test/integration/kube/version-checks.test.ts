import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import type { ServiceChecks } from '../../../lib/agent/service-checks.ts';
import { CheckFailed } from '../../../lib/kube/strategies/check.ts';
import type { PodAddress, VersionCheck } from '../../../lib/kube/strategies/check.ts';
import { parseEndpointCheck } from '../../../lib/probe/endpoint-check.ts';
import { versionChecks } from '../../../tasks/RolloutToAKS/checks.ts';
import { json } from '../../support/api-server.ts';

const PROXY = '/api/v1/namespaces/shop/pods/web-1:8080/proxy';

function checksOf(...lines: readonly string[]): ServiceChecks {
  const checks = lines.map(parseEndpointCheck);
  return { checks, scorePath: '/score', caseFile: undefined, minimumAccuracy: undefined, maximumError: undefined };
}

describe('the checks of a new version', () => {
  const dispatcher = new Agent();
  const servers: Server[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  after(() => dispatcher.close());

  /** A pod behind an API server that does this with a request. */
  async function podThat(act: RequestListener): Promise<PodAddress> {
    const server = createServer(act);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return {
      pod: 'web-1',
      url: new URL(`http://127.0.0.1:${port}${PROXY}`),
      dispatcher,
      headers: { authorization: 'Bearer secret' },
    };
  }

  function run(
    checks: readonly VersionCheck[],
    next: readonly PodAddress[],
    stable: readonly PodAddress[] = [],
  ): Promise<string> {
    const [check] = checks;
    assert.ok(check !== undefined);
    return check.run({ next, stable }, AbortSignal.timeout(10_000));
  }

  it('ask each pod below its proxy, with the rights of the connection', async () => {
    const asked: string[] = [];
    const pod = (): Promise<PodAddress> =>
      podThat((request, response) => {
        asked.push(`${request.url ?? ''} ${request.headers.authorization ?? ''}`);
        json(200, { model: '7' })(request, response);
      });
    const seen = await run(versionChecks(checksOf('/version $.model == 7'), undefined), [await pod(), await pod()]);
    assert.equal(seen, '1 passed on each of 2 pods');
    assert.deepEqual(asked, Array(2).fill(`${PROXY}/version Bearer secret`));
  });

  it('fail by what a pod answers, and say which pod', async () => {
    const pod = await podThat(json(500, { detail: 'no model' }));
    await assert.rejects(run(versionChecks(checksOf('/version'), undefined), [pod]), (error) => {
      assert.ok(error instanceof CheckFailed);
      assert.match(error.message, /GET \/version answered 500.*no model.*\(pod web-1\)/);
      return true;
    });
  });

  it('fail where the API server does not reach the pod', async () => {
    const pod = await podThat(json(503, { kind: 'Status', message: 'error trying to reach service: refused' }));
    await assert.rejects(run(versionChecks(checksOf('/'), undefined), [pod]), /cannot be reached \(error trying/);
  });

  it('say nothing about a version where a right is missing', async () => {
    const message = 'pods "web-1:8080" is forbidden: User "ci" cannot get resource "pods/proxy"';
    const pod = await podThat(json(403, { kind: 'Status', message }));
    const checks = versionChecks(checksOf('/'), undefined);
    await assert.rejects(run(checks, [pod]), { code: 'CLUSTER_FORBIDDEN', message: /pods\/proxy/ });
  });

  it('say nothing about a version of which no pod can be reached', async () => {
    await assert.rejects(
      run(versionChecks(checksOf('/'), undefined), []),
      (error) => error instanceof Error && !(error instanceof CheckFailed),
    );
  });

  it('are none where none are asked for', () => {
    assert.deepEqual(versionChecks(checksOf(), undefined), []);
  });

  describe('of latency', () => {
    const RULE = { ratio: 2, requests: 2 };
    const slow = (milliseconds: number): RequestListener => {
      return (_, response) => void setTimeout(() => response.end('ok'), milliseconds);
    };

    it('hold the new version against the stable one', async () => {
      const [fast, late] = [await podThat(slow(1)), await podThat(slow(600))];
      const checks = versionChecks(checksOf(), RULE);
      await assert.rejects(run(checks, [late], [fast]), (error) => error instanceof CheckFailed);
      assert.match(await run(checks, [fast], [late]), /p95 .* stable .* ms/);
    });

    it('compare nothing where no stable pod serves', async () => {
      assert.match(await run(versionChecks(checksOf(), RULE), [await podThat(slow(1))]), /not compared/);
    });

    it('fail where the new version answers nothing but errors', async () => {
      const [good, bad] = [await podThat(slow(1)), await podThat(json(500, {}))];
      await assert.rejects(
        run(versionChecks(checksOf(), RULE), [bad], [good]),
        (error) => error instanceof CheckFailed,
      );
    });
  });
});
