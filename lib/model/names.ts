import { DeliveryError } from '../errors/delivery-error.ts';

/** The things of a managed store that have names. */
export type NamedThing = 'model' | 'version' | 'channel';

// What is safe as a part of a blob name, a URL, an image label and a file name, on every system.
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,126}[A-Za-z0-9_+])?$/;

/**
 * Checks the name of a model, version or channel and returns it.
 *
 * @throws DeliveryError `NAME_INVALID`
 */
export function checkName(thing: NamedThing, name: string): string {
  if (NAME.test(name)) return name;
  throw new DeliveryError('NAME_INVALID', {
    message: `${JSON.stringify(name)} cannot be the name of a ${thing}.`,
    remedy: 'Use 1 to 128 letters, digits and . _ + - , beginning and ending with a letter or digit.',
  });
}

/**
 * Checks a managed store's prefix, such as `models` or `team/models`; '' is the container itself.
 *
 * @throws DeliveryError `NAME_INVALID`
 */
export function checkPrefix(prefix: string): string {
  const bare = prefix.replace(/^\/+|\/+$/g, '');
  if (bare === '' || bare.split('/').every((part) => NAME.test(part))) return bare;
  throw new DeliveryError('NAME_INVALID', {
    message: `${JSON.stringify(prefix)} cannot be the prefix of a model store.`,
    remedy: 'Use names of letters, digits and . _ + - with / between them, such as team/models.',
  });
}

/** A version for what nobody gave one: the time, in UTC, to the second, so that versions sort as they were made. */
export function versionOfTime(time: Date): string {
  return time
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:]/g, '');
}

/** A version made of other text, such as a build number: what a version cannot hold becomes `-`. */
export function versionOfText(text: string): string {
  const version = text.replaceAll(/[^A-Za-z0-9._+-]+/g, '-').replaceAll(/^[._+-]+|[._-]+$/g, '');
  return version.slice(0, 128).replace(/[._-]+$/, '');
}

/** The version to publish under: the one given, else the run's number, else the time. */
export function versionOrMade(given: string | undefined, runNumber: string | undefined): string {
  return given ?? (versionOfText(runNumber ?? '') || versionOfTime(new Date()));
}
