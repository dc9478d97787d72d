import type { KubeObject } from '../objects.ts';
import { repositoryOf } from './images.ts';
import type { ManifestObject } from './manifest-object.ts';
import { imagesOfPod, mapPodTemplates, podTemplatesOf } from './pod-templates.ts';
import type { PodTemplate } from './pod-templates.ts';

/** A login by which nodes pull the images of one registry. */
export interface PullSecret {
  /** Of the Secret that holds it. */
  readonly name: string;
  /** As images name it: `shop.azurecr.io`, `docker.io`. */
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

/**
 * Has the pods whose images are in the secret's registry pulled by it: the Secret comes along, once in each of their
 * namespaces. Nothing comes along where no pod needs it.
 *
 * @param home the namespace of objects that name none
 */
export function withPullSecret(
  objects: readonly ManifestObject[],
  secret: PullSecret,
  home: string,
): readonly ManifestObject[] {
  const attached = objects.map(({ object, source }) => ({ object: attachedTo(object, secret), source }));
  const users = attached.filter(({ object }, index) => object !== objects[index]?.object);
  const namespaces = new Set(users.map(({ object }) => object.metadata.namespace ?? home));
  const secrets = [...namespaces].map((namespace) => ({ object: secretObject(secret, namespace), source: SOURCE }));
  return [...secrets, ...attached];
}

/** Where the Secret comes from, for messages. */
const SOURCE = 'the input imagePullSecret';

/** The same object where no pod of it needs the secret. */
function attachedTo(object: KubeObject, { name, registry }: PullSecret): KubeObject {
  const needsIt = (template: PodTemplate): boolean =>
    imagesOfPod(template).some((image) => registryOf(image) === registry);
  if (![...podTemplatesOf(object).values()].some(needsIt)) return object;
  return mapPodTemplates(object, (template) => (needsIt(template) ? withReference(template, name) : template));
}

function withReference(template: PodTemplate, name: string): PodTemplate {
  const others = (template.spec.imagePullSecrets ?? []).filter((one) => one.name !== name);
  return { ...template, spec: { ...template.spec, imagePullSecrets: [...others, { name }] } };
}

function registryOf(image: string): string {
  return repositoryOf(image).split('/')[0] ?? '';
}

/** As `kubectl create secret docker-registry` makes it (kubernetes.io, "Pull an Image from a Private Registry"). */
function secretObject({ name, registry, username, password }: PullSecret, namespace: string): KubeObject {
  // Docker Hub's logins go by the address of its first API.
  const server = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry;
  const auth = base64(`${username}:${password}`);
  const config = JSON.stringify({ auths: { [server]: { username, password, auth } } });
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': base64(config) },
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
