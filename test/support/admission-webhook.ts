// A real admission webhook, asked by the real API server, that says no.
import { createServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { certifyLoopback, makeAuthority } from '../../tools/services/azure/certificates.ts';

interface Review {
  readonly apiVersion: string;
  readonly kind: string;
  readonly request: { readonly uid: string; readonly dryRun?: boolean };
}

/** How it judges an object that is really written; a dry run it always lets pass. */
export type Judgement = 'deny' | 'nonsense';

export interface AdmissionWebhook {
  /** The webhook as a ValidatingWebhookConfiguration lists it; asked for objects that carry the label. */
  readonly webhook: object;
  readonly close: () => Promise<void>;
}

/** Serves a webhook on loopback that judges Deployments with the label `judged-by: name`. */
export async function serveAdmissionWebhook(name: string, judgement: Judgement): Promise<AdmissionWebhook> {
  const authority = await makeAuthority(name);
  const { certificate: cert, key } = await certifyLoopback(authority);
  const server = createServer({ cert, key }, (request, response) => {
    void json(request).then((body) => response.end(answer(body as Review, judgement)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    webhook: {
      name: `${name}.example.com`,
      clientConfig: {
        url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
        caBundle: Buffer.from(authority.certificate).toString('base64'),
      },
      rules: [{ apiGroups: ['apps'], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['deployments'] }],
      objectSelector: { matchLabels: { 'judged-by': name } },
      admissionReviewVersions: ['v1'],
      sideEffects: 'NoneOnDryRun',
      timeoutSeconds: 5,
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function answer({ apiVersion, kind, request }: Review, judgement: Judgement): string {
  const { uid, dryRun = false } = request;
  if (!dryRun && judgement === 'nonsense') return '<html>Out of order</html>';
  const status = { code: 403, message: 'images must be signed' };
  return JSON.stringify({ apiVersion, kind, response: { uid, allowed: dryRun, ...(dryRun ? {} : { status }) } });
}
