import type { Dispatcher } from 'undici';

/** Leads every request to a server on loopback that speaks plain HTTP, which then answers for the host that was asked. */
export function leadingTo(server: string, dispatcher: Dispatcher): Dispatcher {
  return dispatcher.compose((dispatch) => (options, handler) => {
    const { host } = new URL(String(options.origin));
    const headers = { ...(options.headers as Record<string, string>), host, 'x-forwarded-proto': 'https' };
    return dispatch({ ...options, origin: `http://${server}`, headers }, handler);
  });
}
