import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import sinon from 'sinon';
import { Lease } from '../../../lib/kube/application/lease.ts';
import { KubeClient } from '../../../lib/kube/client/kube-client.ts';
import { json, playServer } from '../../support/api-server.ts';
import type { Act, PlayedServer } from '../../support/api-server.ts';

const SHOP = { name: 'shop', namespace: 'prod' };
const SILENT = { line: () => undefined, group: () => undefined, warn: () => undefined, progress: () => undefined };
const EXISTS = { kind: 'Status', reason: 'AlreadyExists' };
/** The clock of the server is years ahead of this machine's. */
const DATE = { date: 'Tue, 01 Jan 2030 00:00:00 GMT' };

async function bodyOf(request: IncomingMessage): Promise<object> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text) as object;
}

/** Writes the Lease as it was sent. */
const accepted: Act = (request, response) => {
  void bodyOf(request).then((lease) => json(201, lease, DATE)(request, response));
};

/** The Lease of another run, as that renewed it last. */
function held(renewTime: string): object {
  return {
    metadata: { name: 'model-delivery.shop', resourceVersion: '7' },
    spec: { holderIdentity: 'another run #00000000', leaseDurationSeconds: 30, renewTime },
  };
}

/** As if nothing had been heard of the cluster for a while. */
function passTime(ms: number): void {
  const then = performance.now() + ms;
  sinon.stub(performance, 'now').returns(then);
}

describe('the Lease of an application', () => {
  let server: PlayedServer;
  let client: KubeClient;
  let lease: Lease | undefined;

  async function take(...acts: readonly Act[]): Promise<Lease> {
    server = await playServer(...acts);
    client = new KubeClient(server.access);
    lease = await Lease.take(client, SHOP, {
      holder: 'this run',
      patienceMs: 0,
      reporter: SILENT,
      signal: AbortSignal.timeout(20_000),
    });
    return lease;
  }

  afterEach(async () => {
    sinon.restore();
    await lease?.release();
    lease = undefined;
    await client.close();
    await server.close();
  });

  it('is taken over when the server’s own clock says that its holder is dead', async () => {
    await take(json(409, EXISTS, DATE), json(200, held('2029-12-31T23:59:00.000000Z'), DATE), accepted);
    assert.match(server.requests[2] ?? '', /^PUT /);
  });

  it('is left to a holder that was heard of by the server’s clock, whatever time it is here', async () => {
    const busy = take(json(409, EXISTS, DATE), json(200, held('2029-12-31T23:59:55.000000Z'), DATE));
    await assert.rejects(busy, { code: 'APPLICATION_BUSY', message: /rolled out by another run/ });
  });

  it('is known to be one’s own although the answer to its creation was lost', async () => {
    let sent: object = {};
    const swallowed: Act = (request) => {
      void bodyOf(request).then((body) => {
        sent = body;
        request.socket.destroy();
      });
    };
    await take(swallowed, (request, response) => json(200, sent)(request, response));
    assert.deepEqual(
      server.requests.map((request) => request.split(' ')[0]),
      ['POST', 'GET'],
    );
  });

  it('is renewed before anything is written, when contact was lost for a while', async () => {
    const own = await take(accepted, accepted);
    passTime(25_000);
    await own.permit(AbortSignal.timeout(5_000));
    assert.match(server.requests[1] ?? '', /^PUT /);
  });

  it('permits nothing any more once another run has it', async () => {
    const own = await take(
      accepted,
      json(409, { kind: 'Status', reason: 'Conflict' }),
      json(200, held('2030-01-01T00:00:00.000000Z')),
    );
    passTime(25_000);
    await assert.rejects(own.permit(AbortSignal.timeout(5_000)), {
      code: 'LEASE_LOST',
      message: /taken over by another run/,
    });
    assert.ok(own.lost.aborted);
  });
});
