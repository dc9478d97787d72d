/** Which proxy requests go through; what is left out comes from the environment (`HTTPS_PROXY`, `NO_PROXY`, …). */
export interface ProxySettings {
  /** The agent's own proxy; where it is set, the environment is not asked. */
  readonly url?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Regular expressions over whole URLs that go past the agent's proxy. */
  readonly bypass?: readonly string[] | undefined;
}

/** The proxy, with its credentials in the URL, through which requests to an origin go; undefined: straight. */
export function proxyFor(origin: URL, settings: ProxySettings, environment: NodeJS.ProcessEnv): URL | undefined {
  if (isLoopback(origin.hostname) || isLinkLocal(origin.hostname)) return undefined;
  return settings.url === undefined ? fromEnvironment(origin, environment) : fromAgent(origin, settings);
}

/** A proxy that does not lead to a peer. */
export interface ProxyRefusal {
  /** Whether it does not know who asks. Asking again changes nothing, but may lock the user's account. */
  readonly isUnknown: boolean;
  /** What to say of it, such as `the proxy answered 407`. */
  readonly why: string;
  readonly remedy: string;
}

/**
 * What a proxy answered, where that is why a request failed; undici has no field for it.
 *
 * @param namedBy what names the proxy, for the remedy
 */
export function refusalOfProxy(error: unknown, namedBy = 'the agent or HTTPS_PROXY'): ProxyRefusal | undefined {
  const status = error instanceof Error ? /^Proxy response \((\d+)\)/.exec(error.message)?.[1] : undefined;
  if (status === undefined) return undefined;
  const isUnknown = status === '407';
  return {
    isUnknown,
    why: `the proxy answered ${status}`,
    remedy: isUnknown
      ? `Check user name and password of the proxy that ${namedBy} names.`
      : 'Have the proxy allow connections to this address, or have the agent go past it (NO_PROXY, .proxybypass).',
  };
}

/** Whether a host name means this very machine: 127.0.0.0/8, `::1` or `localhost`. */
export function isLoopback(hostname: string): boolean {
  return /^(?:127(?:\.\d{1,3}){3}|\[?::1\]?|(?:.+\.)?localhost)$/i.test(hostname);
}

/** Whether a host is reached by this machine alone, as the metadata service of machines in a cloud is. */
function isLinkLocal(hostname: string): boolean {
  return /^169\.254\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

function fromAgent(origin: URL, { url = '', username, password, bypass = [] }: ProxySettings): URL | undefined {
  if (bypass.some((pattern) => matches(pattern, origin.href))) return undefined;
  const proxy = new URL(url);
  if (username !== undefined) proxy.username = encodeURIComponent(username);
  if (password !== undefined) proxy.password = encodeURIComponent(password);
  return proxy;
}

function matches(pattern: string, url: string): boolean {
  try {
    return new RegExp(pattern, 'i').test(url);
  } catch {
    // A pattern that is none bypasses nothing, as in the agent itself.
    return false;
  }
}

function fromEnvironment(origin: URL, environment: NodeJS.ProcessEnv): URL | undefined {
  const value = (name: string): string => environment[name.toLowerCase()] ?? environment[name] ?? '';
  const proxy = value(origin.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
  if (
    proxy === '' ||
    value('NO_PROXY')
      .split(/[\s,]+/)
      .some((pattern) => excludes(pattern, origin))
  )
    return undefined;
  return new URL(proxy.includes('://') ? proxy : `http://${proxy}`);
}

/** Whether an item of `NO_PROXY` (`*`, `example.com`, `.example.com`, `*.example.com`, `host:port`) covers an origin. */
function excludes(pattern: string, origin: URL): boolean {
  if (pattern === '*') return true;
  const [, host = '', port] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(pattern.toLowerCase()) ?? [];
  const originPort = origin.port === '' ? (origin.protocol === 'https:' ? '443' : '80') : origin.port;
  if (host === '' || (port !== undefined && port !== originPort)) return false;
  return origin.hostname === host || origin.hostname.endsWith(`.${host}`);
}
