// The machine that figures were measured on, in words.
import { cpus, loadavg, totalmem } from 'node:os';

/** Such as `2 cores (AMD EPYC 9R14), 24 GiB, Linux, Node.js 24.21.0`. */
export function machine(): string {
  const [first] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} cores (${first?.model ?? 'unknown'}), ${memory} GiB, ${process.platform}, Node.js ${process.versions.node}`;
}

/** How busy the machine is: figures of one that has more to do than cores are worth little. */
export function load(): string {
  return (loadavg()[0] ?? Number.NaN).toFixed(1);
}
