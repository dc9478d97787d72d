import * as http from 'node:http';
import * as https from 'node:https';
import { Socket } from 'node:net';

/** How long a connection may take to come about, and how long it may then say nothing while something is awaited, in milliseconds. */
export interface Limits {
  readonly connect: number;
  readonly idle: number;
}

/** Connection pools whose sockets give up on a peer that does not answer or stalls. */
export interface PatientAgents {
  readonly http: http.Agent;
  readonly https: https.Agent;
}

/** A time limit that passed; `code` is `CONNECT_TIMEOUT` or `IDLE_TIMEOUT`. */
export class LimitError extends Error {
  override readonly name = 'LimitError';
  readonly code: string;

  constructor(code: 'CONNECT_TIMEOUT' | 'IDLE_TIMEOUT', limit: number) {
    super(code === 'CONNECT_TIMEOUT' ? `no connection within ${limit} ms` : `nothing was heard for ${limit} ms`);
    this.code = code;
  }
}

/**
 * Makes pools with these limits. The limit on silence is the socket's own: Node counts a write that still drains as activity, so a
 * slow upload is not mistaken for a stall, and the stores read every body as fast as it comes, so silence is the peer's.
 */
export function patientAgents(limits: Limits): PatientAgents {
  const options = { keepAlive: true, timeout: limits.idle, scheduling: 'lifo' as const };
  return { http: watched(new http.Agent(options), limits), https: watched(new https.Agent(options), limits) };
}

function watched<A extends http.Agent>(agent: A, limits: Limits): A {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const socket = connect(options, callback);
    if (socket instanceof Socket) watch(socket, limits);
    return socket;
  };
  return agent;
}

function watch(socket: Socket, limits: Limits): void {
  const timer = setTimeout(() => socket.destroy(new LimitError('CONNECT_TIMEOUT', limits.connect)), limits.connect);
  const connected = (): void => clearTimeout(timer);
  // A TLS socket is of use only when its handshake is done; a plain one never says this.
  socket.once('encrypted' in socket ? 'secureConnect' : 'connect', connected);
  socket.once('close', connected);
  socket.on('timeout', () => socket.destroy(new LimitError('IDLE_TIMEOUT', limits.idle)));
}
