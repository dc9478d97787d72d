// What `cosign verify --key` does, in two halves done by programs that others wrote, for cosign itself cannot be installed
// here: skopeo finds the signatures of an image as podman and CRI-O do (Debian builds it without the part that judges them), and
// OpenSSL verifies them over the very bytes that were found.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A signature as skopeo keeps it beside a copy (containers/image, "sigstore-json"). */
export interface FoundSignature {
  readonly payload: Buffer;
  readonly signature: Buffer;
}

/** Copies an image with its signatures; of several platforms, the one that this machine would run. */
export function pullWithSignatures(folder: string, image: string): readonly FoundSignature[] {
  const [policy, settings, copy] = ['policy.json', 'registries.d', 'pulled'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  mkdirSync(settings, { recursive: true });
  writeFileSync(join(settings, 'default.yaml'), 'default-docker:\n  use-sigstore-attachments: true\n');
  rmSync(copy, { recursive: true, force: true });
  const options = ['--policy', policy, '--registries.d', settings, '--override-arch', 'amd64'];
  execFileSync('skopeo', [...options, 'copy', '-q', '--src-tls-verify=false', `docker://${image}`, `dir:${copy}`]);
  return readdirSync(copy)
    .filter((name) => name.startsWith('signature-'))
    .map((name) => foundIn(readFileSync(join(copy, name))));
}

function foundIn(file: Buffer): FoundSignature {
  const start = '\0sigstore-json\n';
  if (!file.toString().startsWith(start)) throw new Error('not a sigstore signature');
  const { mimeType, payload, annotations } = JSON.parse(file.toString().slice(start.length)) as {
    readonly mimeType: string;
    readonly payload: string;
    readonly annotations: Readonly<Record<string, string>>;
  };
  if (mimeType !== 'application/vnd.dev.cosign.simplesigning.v1+json')
    throw new Error(`a signature of type ${mimeType}`);
  const signature = Buffer.from(annotations['dev.cosignproject.cosign/signature'] ?? '', 'base64');
  return { payload: Buffer.from(payload, 'base64'), signature };
}

/** Whether OpenSSL accepts a signature over these bytes. */
export function opensslAccepts(folder: string, publicKey: string, { payload, signature }: FoundSignature): boolean {
  const [key, bytes, mark] = ['key.pub', 'payload', 'signature'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(key, publicKey);
  writeFileSync(bytes, payload);
  writeFileSync(mark, signature);
  try {
    return execFileSync('openssl', ['dgst', '-sha256', '-verify', key, '-signature', mark, bytes], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).includes('Verified OK');
  } catch {
    return false;
  }
}
