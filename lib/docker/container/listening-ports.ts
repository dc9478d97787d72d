/** A TCP port that somebody listens on. */
export interface ListeningPort {
  readonly port: number;
  /** Only who is in the same container gets there. */
  readonly isLoopbackOnly: boolean;
}

const LISTENING = '0A';

/** Reads who listens from /proc/net/tcp and /proc/net/tcp6 (proc_net(5)): addresses are hexadecimal, each word in the machine's byte order. */
export function listeningPorts(tables: string): readonly ListeningPort[] {
  const found = new Map<number, boolean>();
  for (const [, address = '', port = '', state] of tables.matchAll(
    /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ ([0-9A-F]{2}) /gm,
  )) {
    if (state !== LISTENING) continue;
    const number = Number.parseInt(port, 16);
    found.set(number, isLoopback(address) && found.get(number) !== false);
  }
  return [...found].map(([port, isLoopbackOnly]) => ({ port, isLoopbackOnly })).toSorted((a, b) => a.port - b.port);
}

/** 127.0.0.0/8 and ::1, on machines of either byte order. */
function isLoopback(address: string): boolean {
  return /^(?:[0-9A-F]{6}7F|7F[0-9A-F]{6}|0{24}01000000|0{31}1)$/.test(address);
}
