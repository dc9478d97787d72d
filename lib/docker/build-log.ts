/** What failed, as far as the output of a build tells. */
export interface FailedStep {
  /** Such as `[2/5] RUN pip install -r requirements.txt`; undefined where no step is to blame. */
  readonly step: string | undefined;
  /** The last lines that it printed. */
  readonly lines: readonly string[];
  /** What the builder itself says. */
  readonly reason: string;
}

interface Step {
  readonly title: string;
  readonly lines: readonly string[];
}

const LINES_KEPT = 5;
/** Wrappings that each layer of the builder puts around a reason. */
const WRAPPING =
  /^(?:ERROR: |Error response from daemon: |failed to solve(?: with frontend \S+)?: |failed to create LLB definition: |rpc error: code = \w+ desc = |failed to compute cache key: )+/;

/** Follows the output of a build, of the classic builder or of BuildKit (`--progress plain`), to know which step fails. */
export class BuildLog {
  /** Steps by their number in BuildKit's output; the classic builder has one at a time, number 0. */
  readonly #steps = new Map<string, Step>();
  #failed: string | undefined;
  #last = '';
  /** BuildKit tells the failed step again, between dashes; that says nothing new. */
  #isRecap = false;

  /** Takes in a line; tells whether it is one for people. */
  read(line: string): boolean {
    if (line.trim() === '' || /^#\d+ sha256:[0-9a-f]{64}$/.test(line)) return false;
    const [, number, rest = ''] = /^#(\d+) (.*)$/s.exec(line) ?? [];
    if (/^-{6,}$/.test(line)) this.#isRecap = !this.#isRecap;
    else if (number !== undefined) this.#readBuildKit(number, rest);
    else if (!this.#isRecap) this.#readClassic(line);
    return true;
  }

  /** What failed, once the build has. */
  failure(): FailedStep {
    // The classic builder does not name the step that fails: it is the one that it was at.
    const { title: step, lines } = this.#steps.get(this.#failed ?? '0') ?? { title: undefined, lines: [] };
    return { step, lines, reason: this.#last.replace(WRAPPING, '') };
  }

  #readBuildKit(number: string, rest: string): void {
    const [, title] = /^(\[.+)$/s.exec(rest) ?? [];
    const step = this.#steps.get(number);
    if (step === undefined) {
      this.#steps.set(number, { title: title ?? rest, lines: [] });
    } else if (rest.startsWith('ERROR: ')) {
      this.#failed = number;
      this.#last = rest;
    } else if (/^\d+\.\d+ /.test(rest)) {
      this.#add(number, rest.replace(/^\d+\.\d+ /, ''));
    }
  }

  #readClassic(line: string): void {
    const [, position, instruction] = /^Step (\d+\/\d+) : (.*)$/s.exec(line) ?? [];
    if (position !== undefined) this.#steps.set('0', { title: `[${position}] ${instruction ?? ''}`, lines: [] });
    else if (this.#steps.has('0') && isOutput(line)) this.#add('0', line);
    this.#last = line;
  }

  #add(number: string, line: string): void {
    const { title, lines } = this.#steps.get(number) ?? { title: '', lines: [] };
    this.#steps.set(number, { title, lines: [...lines, line].slice(-LINES_KEPT) });
  }
}

/** What the classic builder says of itself is no output of a step. */
function isOutput(line: string): boolean {
  return !/^(?: ---> |Removing intermediate container |The command '|(?:COPY|ADD) failed|Step \d)/.test(line);
}
