// The agent's logging commands: `##vso[area.event key=value;key=value]data`.

/** One logging command as it stood in a line of output. */
export interface AgentCommand {
  /** Area and event in lower case, such as `task.setvariable`. */
  readonly name: string;
  /** Properties with their keys in lower case, values unescaped. */
  readonly properties: Readonly<Record<string, string>>;
  readonly data: string;
}

const COMMAND = /##vso\[(?<header>[^\]]*)\](?<data>.*)$/is;

/**
 * Finds the command in a line, wherever it begins. The agent looks no further than the first `]`, so values must escape it.
 *
 * @returns undefined where the line holds no command
 */
export function parseCommand(line: string): AgentCommand | undefined {
  const { header, data } = COMMAND.exec(line)?.groups ?? {};
  if (header === undefined || data === undefined) return undefined;
  const [name = '', ...rest] = header.split(' ');
  if (!/^[^.]+\.[^.]+$/.test(name)) return undefined;
  return { name: name.toLowerCase(), properties: propertiesOf(rest.join(' ')), data: unescapeText(data) };
}

function propertiesOf(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(';').flatMap((pair) => {
    const equals = pair.indexOf('=');
    return equals < 1
      ? []
      : [[pair.slice(0, equals).trim().toLowerCase(), unescapeText(pair.slice(equals + 1))] as const];
  });
  return Object.fromEntries(pairs);
}

/** Undoes the escaping of task-lib; the percent sign comes last, or `%AZP253B` would become a semicolon. */
function unescapeText(text: string): string {
  return text
    .replace(/%3B/gi, ';')
    .replace(/%0D/gi, '\r')
    .replace(/%0A/gi, '\n')
    .replace(/%5D/gi, ']')
    .replace(/%AZP25/gi, '%');
}
