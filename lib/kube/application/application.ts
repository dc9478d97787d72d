import { DeliveryError } from '../../errors/delivery-error.ts';
import type { ManifestObject } from '../manifests/manifest-object.ts';

/** What is rolled out together under one name, in one namespace: it has revisions, and one run at a time. */
export interface Application {
  readonly name: string;
  readonly namespace: string;
}

/** How an application is found: what the inputs say, and where objects go that say nothing. */
export interface ApplicationChoice {
  readonly name: string | undefined;
  readonly namespace: string | undefined;
  readonly fallback: string;
}

const WORKLOADS = ['Deployment', 'StatefulSet', 'DaemonSet', 'CronJob', 'Job', 'ReplicaSet', 'Pod'];
/** A name that Kubernetes takes (RFC 1123), short enough to stand in the names of what is kept about it. */
const NAME = /^(?=.{1,200}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/**
 * The application that manifests belong to. One without a name is called like its first workload, so that whoever rolls
 * out the same thing means the same application; it lives where that workload does.
 *
 * @throws DeliveryError `APPLICATION_NAME_INVALID`
 */
export function applicationOf(manifests: readonly ManifestObject[], choice: ApplicationChoice): Application {
  const objects = manifests.map(({ object }) => object);
  const main = objects.find(({ kind }) => WORKLOADS.includes(kind)) ?? objects[0];
  const namespace = choice.namespace ?? main?.metadata.namespace ?? choice.fallback;
  return applicationNamed(choice.name ?? asName(main?.metadata.name ?? ''), namespace);
}

/** The application of this name. Throws `APPLICATION_NAME_INVALID`. */
export function applicationNamed(name: string, namespace: string): Application {
  if (!NAME.test(name)) {
    throw new DeliveryError('APPLICATION_NAME_INVALID', {
      message: `"${name}" cannot be the name of an application.`,
      remedy: 'Set applicationName to lower-case letters, digits, "-" and ".", such as digits-service.',
    });
  }
  return { name, namespace };
}

/** Some kinds may be called what others may not: `system:reader`. */
function asName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9.-]+/g, '-');
}

/** The name under which the cluster keeps what is known about an application. */
export function keptName({ name }: Application): string {
  return `model-delivery.${name}`;
}

/** `application digits in namespace shop`. */
export function describeApplication({ name, namespace }: Application): string {
  return `application ${name} in namespace ${namespace}`;
}
