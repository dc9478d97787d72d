import { checkName, checkPrefix } from './names.ts';

/**
 * Where a managed store keeps what:
 *
 *     <prefix>/<model>/versions/<version>/files/<attempt>/…  the files
 *     <prefix>/<model>/versions/<version>/model.json         written last and once: a version is whole or absent
 *     <prefix>/<model>/versions/<version>/deprecated.json    says why it should not be used any more; may come and go
 *     <prefix>/<model>/channels/<channel>.json               names a version
 *     <prefix>/<model>/holds/<version>/<channel>/…           for seconds: the channel is about to name the version
 *
 * Each attempt to publish writes into a folder of its own, which `model.json` names. So two publishers of one version
 * never touch each other's files, and what a killed one leaves behind can never become part of a version.
 */
export class ManagedLayout {
  readonly #root: string;

  /** @throws DeliveryError `NAME_INVALID` */
  constructor(prefix: string) {
    const checked = checkPrefix(prefix);
    this.#root = checked === '' ? '' : `${checked}/`;
  }

  /** What the names of all models begin with. */
  get models(): string {
    return this.#root;
  }

  versions(model: string): string {
    return `${this.#root}${checkName('model', model)}/versions/`;
  }

  version(model: string, version: string): string {
    return `${this.versions(model)}${checkName('version', version)}`;
  }

  manifest(model: string, version: string): string {
    return `${this.version(model, version)}/model.json`;
  }

  deprecation(model: string, version: string): string {
    return `${this.version(model, version)}/deprecated.json`;
  }

  /** A file, in the folder that the manifest names. */
  file(model: string, version: string, folder: string, path: string): string {
    return `${this.version(model, version)}/${folder}/${path}`;
  }

  channels(model: string): string {
    return `${this.#root}${checkName('model', model)}/channels/`;
  }

  holds(model: string): string {
    return `${this.#root}${checkName('model', model)}/holds/`;
  }

  channel(model: string, channel: string): string {
    return `${this.channels(model)}${checkName('channel', channel)}.json`;
  }
}
