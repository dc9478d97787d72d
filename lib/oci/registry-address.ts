import { isLinkLocal, isPrivate } from '../http/private-address.ts';
import { isLoopback } from '../http/proxy.ts';

/** Docker Hub's images are named after one host and served by another. */
const DOCKER_HUB_API = 'registry-1.docker.io';

/**
 * Origins at which a registry's API may answer, in the order to try. Plain HTTP only where nobody can listen in, on
 * this very machine, or where the user allows it.
 */
export function apiOrigins(registry: string, allowHttp: boolean): readonly URL[] {
  const host = registry === 'docker.io' ? DOCKER_HUB_API : registry;
  const secure = new URL(`https://${host}`);
  return allowHttp || isLoopback(secure.hostname) ? [secure, new URL(`http://${host}`)] : [secure];
}

/**
 * Whether a registry may send a request on to this address: HTTPS unless the registry itself answers over HTTP, and
 * never from the public internet into this machine, the private network or a cloud's metadata service.
 */
export function mayLeadTo(registry: URL, target: URL): boolean {
  if (target.protocol !== 'https:' && !(target.protocol === 'http:' && registry.protocol === 'http:')) return false;
  if (isLinkLocal(target.hostname)) return false;
  return !isPrivate(target.hostname) || isPrivate(registry.hostname);
}

/**
 * Whether a token service may see the credentials that were given for a registry: it is the registry itself or
 * shares its domain, as auth.docker.io does with registry-1.docker.io and gitlab.com with registry.gitlab.com.
 */
export function mayKnowCredentials(registry: URL, service: URL): boolean {
  if (!mayLeadTo(registry, service)) return false;
  if (registry.hostname === service.hostname || (isLoopback(registry.hostname) && isLoopback(service.hostname)))
    return true;
  const domain = registry.hostname.slice(registry.hostname.indexOf('.') + 1);
  if (!domain.includes('.') || /^[\d.]+$/.test(domain)) return false;
  return service.hostname === domain || service.hostname.endsWith(`.${domain}`);
}
