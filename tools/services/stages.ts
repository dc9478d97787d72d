// Progress of set-up work: one line a stage, with its elapsed time.
import { messageOf } from '../../lib/errors/delivery-error.ts';

/** Runs stages of work and tells about each. */
export interface Progress {
  /** Runs `work` as a stage; its title reads as an activity, such as `Building kube-apiserver`. */
  stage<T>(title: string, work: () => Promise<T>): Promise<T>;
}

/** Prints `title … 12.3 s` for each stage as it begins and ends. */
export function printedProgress(out: NodeJS.WritableStream = process.stderr): Progress {
  return {
    async stage(title, work) {
      const started = performance.now();
      out.write(`  ${title} … `);
      try {
        const result = await work();
        out.write(`${seconds(started)} s\n`);
        return result;
      } catch (error) {
        out.write(`failed after ${seconds(started)} s: ${messageOf(error)}\n`);
        throw error;
      }
    },
  };
}

function seconds(started: number): string {
  return ((performance.now() - started) / 1000).toFixed(1);
}
