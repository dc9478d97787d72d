interface Stage {
  readonly name: string | undefined;
  readonly from: string;
}

/**
 * The image that a Dockerfile's last stage, or a given one, builds upon, through however many stages; undefined for
 * `scratch`, and where the file does not tell it plainly.
 *
 * @param build the stage that is built, and the arguments it is built with
 */
export function builtUpon(
  dockerfile: string,
  build: { readonly target: string | undefined; readonly arguments: Readonly<Record<string, string>> },
): string | undefined {
  const stages = stagesOf(dockerfile, build.arguments);
  const { target } = build;
  let at = target === undefined ? stages.length - 1 : indexOfStage(stages, target, stages.length);
  for (;;) {
    const from = stages[at]?.from;
    if (from === undefined) return undefined;
    // A name means a stage before this one, else an image.
    const before = indexOfStage(stages, from, at);
    if (before < 0) return from === 'scratch' || /[$\s]/.test(from) || from === '' ? undefined : from;
    at = before;
  }
}

function indexOfStage(stages: readonly Stage[], name: string, below: number): number {
  const byName = stages.slice(0, below).findLastIndex((stage) => stage.name === name.toLowerCase());
  return byName < 0 && /^\d+$/.test(name) && Number(name) < below ? Number(name) : byName;
}

/** The `FROM` lines, with the arguments filled in that stand before the first of them (Dockerfile reference, "FROM"). */
function stagesOf(dockerfile: string, given: Readonly<Record<string, string>>): readonly Stage[] {
  const stages: Stage[] = [];
  const values = new Map<string, string>();
  for (const line of instructions(dockerfile)) {
    const [, name, preset = ''] = /^ARG\s+(\w+)(?:=(.*))?$/i.exec(line) ?? [];
    if (name !== undefined && stages.length === 0) values.set(name, given[name] ?? filled(unquoted(preset), values));
    const [, from, stage] = /^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?$/i.exec(line) ?? [];
    if (from !== undefined) stages.push({ from: filled(unquoted(from), values), name: stage?.toLowerCase() });
  }
  return stages;
}

/** The instructions of a Dockerfile, each on one line, without comments. */
function instructions(dockerfile: string): readonly string[] {
  const escape = /^\s*#\s*escape\s*=\s*`/im.test(dockerfile) ? '`' : '\\';
  const lines = dockerfile
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .filter((line) => !/^\s*(?:#|$)/.test(line));
  const joined: string[] = [];
  let open = '';
  for (const line of lines) {
    const ends = !line.trimEnd().endsWith(escape);
    open += ends ? line : `${line.trimEnd().slice(0, -1)} `;
    if (!ends) continue;
    joined.push(open.trim());
    open = '';
  }
  return joined;
}

function unquoted(text: string): string {
  return /^(["'])(.*)\1$/.exec(text)?.[2] ?? text;
}

/** What is not known stays as it stands, so that nobody takes it for a name. */
function filled(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(/\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})/g, (whole, bare?: string, braced?: string, ...rest) => {
    const [operator, word] = rest as (string | undefined)[];
    const value = values.get(bare ?? braced ?? '') ?? '';
    if (operator === '+') return value === '' ? '' : (word ?? '');
    return value === '' ? (word ?? whole) : value;
  });
}
