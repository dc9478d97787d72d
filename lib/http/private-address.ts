import { isLoopback } from './proxy.ts';

/**
 * Whether a host, as it stands in URLs, is reached by this machine alone, as a cloud's metadata service is (RFC 3927,
 * RFC 4291).
 */
export function isLinkLocal(hostname: string): boolean {
  const host = hostname.replace(/\.$/, '');
  return /^169\.254\.|^\[fe[89ab]|^\[::ffff:a9fe:/i.test(host) || METADATA_SERVICES.includes(host);
}

/** Those whose addresses are not link-local: Google's by its name, and Amazon's by IPv6. */
const METADATA_SERVICES = ['metadata.google.internal', '[fd00:ec2::254]'];

/**
 * Whether a host, as it stands in URLs, is this machine or an address of a private network (RFC 1918, RFC 4193). An IPv4
 * address in the dress of IPv6 counts, whatever it is: nobody writes one for a good reason.
 */
export function isPrivate(hostname: string): boolean {
  return (
    isLoopback(hostname.replace(/\.$/, '')) ||
    /^(?:0\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|\[f[cd]|\[::\]|\[::ffff:)/i.test(hostname)
  );
}
