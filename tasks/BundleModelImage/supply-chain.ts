import { basename } from 'node:path';
import type { Agent } from '../../lib/agent/agent.ts';
import { modelSource } from '../../lib/agent/model-source.ts';
import { formatRepository } from '../../lib/oci/image-name.ts';
import type { LayerGroup } from '../../lib/oci/layer-group.ts';
import type { StoredImage } from '../../lib/oci/push-image.ts';
import { provenanceOf } from '../../lib/supply/provenance.ts';
import { softwareBill } from '../../lib/supply/sbom.ts';
import { readSigningKey, type SigningKey } from '../../lib/supply/signing-key.ts';
import type { ModelSubject } from '../../lib/supply/subject.ts';
import { attachDocuments, type Attached, NOTHING_ATTACHED, type SupplyDocuments } from './attachments.ts';
import { lockedPackages } from './lock-files.ts';
import type { BundledModel } from './model-source.ts';
import { recordedInputs } from './recorded-inputs.ts';

/** What shall be attached to the image. */
export interface SupplyWishes {
  readonly sbom: boolean;
  /** The inputs that provenance tells; undefined: none is wanted. */
  readonly provenance: Readonly<Record<string, string>> | undefined;
  /** Signs the image and what is attached to it. */
  readonly key: SigningKey | undefined;
}

/** What the task knows of an image beside the image itself. */
export interface Ingredients {
  readonly app: LayerGroup | undefined;
  readonly model: BundledModel | undefined;
  readonly created: Date;
}

/** Reads the inputs; a key that cannot sign is found out before anything is sent. */
export async function supplyWishes(agent: Agent): Promise<SupplyWishes> {
  const { inputs } = agent;
  const [key, password] = [inputs.optionalText('signingKey'), inputs.optionalText('signingKeyPassword')];
  for (const line of [...(key ?? '').split(/\s+/), password ?? '']) if (isTelling(line)) agent.hide(line);
  return {
    sbom: inputs.flag('sbom'),
    provenance: inputs.flag('provenance') ? recordedInputs(agent) : undefined,
    key: key === undefined ? undefined : await readSigningKey(key, password),
  };
}

/** The agent hides single lines; hiding a short one would blot out half the log. */
function isTelling(line: string): boolean {
  return line.length >= 8 && !line.startsWith('-----');
}

/**
 * Attaches to an image what the inputs want, as far as it is not there: its SBOM, its provenance, its signature.
 *
 * @throws DeliveryError `SIGNATURE_REFUSED` where the registry does not take a signature; SBOM and provenance alone are worth a warning
 */
export async function attachSupplyChain(
  agent: Agent,
  wishes: SupplyWishes,
  ingredients: Ingredients,
  stored: StoredImage,
  signal: AbortSignal,
): Promise<Attached> {
  if (!wishes.sbom && wishes.provenance === undefined && wishes.key === undefined) return NOTHING_ATTACHED;
  const documents = await documentsAbout(agent, wishes, ingredients, stored, signal);
  return attachDocuments(agent, documents, stored, signal);
}

async function documentsAbout(
  agent: Agent,
  { sbom, provenance, key }: SupplyWishes,
  { app, model: bundled, created }: Ingredients,
  { repository, top, base: baseImage, layers }: StoredImage,
  signal: AbortSignal,
): Promise<SupplyDocuments> {
  const image = { name: formatRepository(repository.name), digest: top.digest };
  const base = { name: baseImage.source.publicName ?? localName(agent), digest: baseImage.digest };
  const ofModel = layers.filter(({ group }) => group === 'model').map(({ digest }) => digest);
  const model: ModelSubject | undefined = bundled && { ...bundled, layers: ofModel };
  const { repository: source, branch: ref, commit, runUrl, run } = modelSource(agent, undefined);
  const packages = sbom ? await lockedPackages(agent, app, signal) : [];
  return {
    image,
    created,
    key,
    sbom: sbom ? softwareBill({ image, base, model, packages, created }) : undefined,
    provenance:
      provenance &&
      provenanceOf({
        image,
        base,
        model,
        source: { repository: source, ref, commit },
        inputs: provenance,
        run: {
          collection: agent.variable('System.CollectionUri'),
          url: runUrl,
          details: present({ task: agent.taskName, run, agent: agent.variable('Agent.Name') }),
        },
      }),
  };
}

/** What to call a base that is in no repository; the folder in which it was is nobody's business. */
function localName({ inputs }: Agent): string {
  const builds = inputs.choice('builder', ['append', 'dockerfile']) === 'dockerfile';
  return builds ? `built from ${basename(inputs.optionalText('dockerfile') ?? 'Dockerfile')}` : 'a base on the agent';
}

function present(values: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
