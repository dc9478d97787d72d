import { DeliveryError } from '../../errors/delivery-error.ts';
import type { ManifestObject } from '../manifests/manifest-object.ts';
import type { KubeObject } from '../objects.ts';
import type { KubeClient } from './kube-client.ts';
import { apiPath, groupOf } from './resource.ts';
import type { Resource } from './resource.ts';

interface ResourceList {
  readonly resources: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
}

interface Group {
  readonly versions: readonly { readonly groupVersion: string }[];
}

/** What a manifest's kinds are in the cluster, found before anything is written. */
export interface Kinds {
  /** The resource that serves an object. */
  of(object: KubeObject): Resource;
  /** Whether the kind is only defined by a CustomResourceDefinition among the manifests, so not served yet. */
  isNew(object: KubeObject): boolean;
}

/**
 * Looks up all kinds that the manifests use. A kind that the cluster does not serve must be defined by a
 * CustomResourceDefinition among the manifests.
 *
 * @throws DeliveryError `KIND_UNKNOWN`, naming file, line and what the cluster has instead
 */
export async function discoverKinds(
  client: KubeClient,
  manifests: readonly ManifestObject[],
  signal: AbortSignal,
): Promise<Kinds> {
  const versions = [...new Set(manifests.map(({ object }) => object.apiVersion))];
  const served = (await Promise.all(versions.map((version) => resourcesOf(client, version, signal)))).flat();
  const defined = manifests.flatMap(({ object }) => resourcesDefinedBy(object));
  for (const { object, source } of manifests) {
    if (find(served, object) === undefined && find(defined, object) === undefined) {
      throw await unknownKind(client, object, source, signal);
    }
  }
  return {
    of: (object) => {
      const resource = find(served, object) ?? find(defined, object);
      if (resource === undefined) throw new Error(`${object.apiVersion} ${object.kind} was not looked up`);
      return resource;
    },
    isNew: (object) => find(served, object) === undefined,
  };
}

function find(resources: readonly Resource[], { apiVersion, kind }: KubeObject): Resource | undefined {
  return resources.find((resource) => resource.apiVersion === apiVersion && resource.kind === kind);
}

async function resourcesOf(client: KubeClient, apiVersion: string, signal: AbortSignal): Promise<readonly Resource[]> {
  const list = await client.document<ResourceList>(apiPath(apiVersion), signal);
  const names = new Set(list?.resources.map(({ name }) => name));
  return (list?.resources ?? [])
    .filter(({ name }) => !name.includes('/'))
    .map(({ name, kind, namespaced }) => {
      return { apiVersion, kind, plural: name, namespaced, hasStatus: names.has(`${name}/status`) };
    });
}

interface Definition {
  readonly group?: string;
  readonly scope?: string;
  readonly names?: { readonly kind?: string; readonly plural?: string };
  readonly versions?: readonly {
    readonly name?: string;
    readonly served?: boolean;
    readonly subresources?: { readonly status?: object };
  }[];
}

/** The resources that a CustomResourceDefinition will serve. */
function resourcesDefinedBy(object: KubeObject): readonly Resource[] {
  if (object.kind !== 'CustomResourceDefinition') return [];
  const { group = '', scope, names, versions = [] } = (object.spec ?? {}) as Definition;
  return versions
    .filter((version) => version.served === true)
    .map((version) => ({
      apiVersion: `${group}/${version.name ?? ''}`,
      kind: names?.kind ?? '',
      plural: names?.plural ?? '',
      namespaced: scope === 'Namespaced',
      hasStatus: version.subresources?.status !== undefined,
    }));
}

async function unknownKind(
  client: KubeClient,
  { apiVersion, kind }: KubeObject,
  source: string,
  signal: AbortSignal,
): Promise<DeliveryError> {
  return new DeliveryError('KIND_UNKNOWN', {
    message: `${source}: the cluster knows no kind ${kind} in ${apiVersion}.`,
    remedy: await alternative(client, apiVersion, kind, signal),
  });
}

/** What the user may have meant: the same kind in another version of its group, or a kind of nearly the same name. */
async function alternative(client: KubeClient, apiVersion: string, kind: string, signal: AbortSignal): Promise<string> {
  const group = groupOf(apiVersion);
  const versions =
    group === ''
      ? ['v1']
      : ((await client.document<Group>(`/apis/${group}`, signal))?.versions.map((version) => version.groupVersion) ??
        []);
  const resources = (await Promise.all(versions.map((version) => resourcesOf(client, version, signal)))).flat();
  const sameName = resources.find((resource) => resource.kind.toLowerCase() === kind.toLowerCase());
  if (sameName !== undefined) return `Use kind ${sameName.kind} in ${sameName.apiVersion}.`;
  return 'Correct apiVersion and kind, or install the CustomResourceDefinition that defines it first.';
}
