import type { Login } from './login.ts';
import { normalRegistry } from './image-name.ts';

/** What docker's configuration file knows of the login to one registry. */
export type ConfiguredLogin =
  | { readonly kind: 'none' }
  | { readonly kind: 'login'; readonly login: Login }
  /** It is kept by a program, `docker-credential-<name>`. */
  | { readonly kind: 'helper'; readonly helper: string };

/** Docker's configuration file, as far as logins are concerned (https://docs.docker.com/reference/cli/docker/login/). */
interface ConfigFile {
  readonly auths?: Readonly<Record<string, Entry | null>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

interface Entry {
  /** `user:password` in base64. */
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  /** A refresh token. */
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/**
 * Finds the login of a registry. Throws a SyntaxError where the text is no JSON.
 *
 * @param registry as images name it
 * @param from where the text comes from, for messages
 */
export function configuredLogin(text: string, registry: string, from: string): ConfiguredLogin {
  const config = JSON.parse(text) as ConfigFile;
  const entry = ofRegistry(config.auths, registry);
  const login = entry === undefined || entry === null ? undefined : loginIn(entry, from);
  const helper = ofRegistry(config.credHelpers, registry);
  // An empty name says: this file.
  if (helper !== undefined && helper !== '') return { kind: 'helper', helper };
  if (login !== undefined) return { kind: 'login', login };
  // A store leaves an empty entry for each registry that it knows.
  return entry === undefined || config.credsStore === undefined
    ? { kind: 'none' }
    : { kind: 'helper', helper: config.credsStore };
}

function loginIn(entry: Entry, from: string): Login | undefined {
  const [, user = '', secret = ''] = /^([^:]*):(.*)$/s.exec(decoded(entry.auth ?? '')) ?? [];
  const [username, password] = [entry.username ?? user, entry.password ?? secret];
  if (entry.registrytoken !== undefined) return { kind: 'token', token: entry.registrytoken, from };
  if (entry.identitytoken !== undefined) {
    return { kind: 'refreshToken', username, refreshToken: entry.identitytoken, from };
  }
  return username === '' || password === '' ? undefined : { kind: 'password', username, password, from };
}

/** Old versions of docker write addresses where others write hosts, and pad what they encode with zeros. */
function ofRegistry<Value>(entries: Readonly<Record<string, Value>> | undefined, registry: string): Value | undefined {
  return Object.entries(entries ?? {}).find(([key]) => {
    const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
    return normalRegistry(host) === registry;
  })?.[1];
}

function decoded(auth: string): string {
  return Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
}
