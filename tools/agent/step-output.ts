// What a running step tells the agent: its lines, and the commands among them.
import { existsSync } from 'node:fs';
import { parseCommand, type AgentCommand } from './commands.ts';
import type { SecretMasker } from './masking.ts';
import { outcomeNamed, type Outcome } from './outcome.ts';
import type { Restrictions } from './task-definition.ts';

export interface Issue {
  readonly type: 'error' | 'warning';
  readonly message: string;
}

/** A variable that a step has set for the steps after it. */
export interface SetVariable {
  readonly name: string;
  readonly value: string;
  readonly isOutput: boolean;
  readonly isSecret: boolean;
  readonly isReadOnly: boolean;
}

/** A file that a step has handed over; the agent takes it up when the step has ended. */
export interface HandedFile {
  readonly kind: 'summary' | 'attachment' | 'artifact' | 'testResults' | 'file';
  /** The attachment's type, such as `model-delivery.PublishModel`; the artifact's name; else empty. */
  readonly type: string;
  readonly name: string;
  readonly path: string;
}

export interface StepOutputOptions {
  readonly masker: SecretMasker;
  /** What the task's task.json allows; scripts are not restricted. */
  readonly restrictions?: Restrictions;
  /** Names of variables, in lower case, that must not be set. */
  readonly readOnlyVariables?: ReadonlySet<string>;
  /** Whether debug lines are shown; `System.Debug` decides. */
  readonly showsDebug?: boolean;
  /** Gets each line as it is shown: commands carried out, secrets hidden. */
  readonly onLine: (line: string) => void;
}

/** Commands that the agent still takes from a task in restricted mode. */
const IN_RESTRICTED_MODE: ReadonlySet<string> = new Set(
  'complete debug issue logdetail logissue prependpath publish setprogress setsecret settaskvariable setvariable'
    .split(' ')
    .map((event) => `task.${event}`),
);

/** Takes a step's output line by line, carries out its commands and remembers what they ask for. */
export class StepOutput {
  readonly variables: SetVariable[] = [];
  readonly issues: Issue[] = [];
  readonly files: HandedFile[] = [];
  readonly buildTags: string[] = [];
  readonly prependedPaths: string[] = [];
  buildNumber: string | undefined;
  /** What `task.complete` said last; an earlier failure is not talked away by a later success. */
  completion: Outcome | undefined;
  readonly #options: StepOutputOptions;
  readonly #handlers: Readonly<Record<string, (command: AgentCommand) => void>>;

  constructor(options: StepOutputOptions) {
    this.#options = options;
    this.#handlers = {
      'task.setvariable': (command) => this.#setVariable(command),
      'task.setsecret': ({ data }) => options.masker.add(data),
      'task.complete': (command) => this.#complete(command),
      'task.logissue': (command) => this.#logIssue(command),
      'task.issue': (command) => this.#logIssue(command),
      'task.debug': ({ data }) => {
        if (options.showsDebug === true) this.#show(`##[debug]${data}`);
      },
      'task.setprogress': ({ properties, data }) => this.#show(`${properties.value ?? '0'} % ${data}`.trimEnd()),
      'task.prependpath': ({ data }) => this.prependedPaths.push(data),
      'task.uploadsummary': ({ data }) => this.#hand('summary', '', fileName(data), data),
      'task.uploadfile': ({ data }) => this.#hand('file', '', fileName(data), data),
      'task.addattachment': ({ properties: { type = '', name = '' }, data }) =>
        this.#hand('attachment', plainName(type, 'type'), plainName(name, 'name'), data),
      'artifact.upload': ({ properties, data }) =>
        this.#hand('artifact', plainName(properties.artifactname ?? '', 'artifactname'), fileName(data), data),
      'results.publish': ({ properties: { type = '', resultfiles = '' }, data }) => {
        for (const file of (resultfiles === '' ? data : resultfiles).split(',')) {
          this.#hand('testResults', type, fileName(file.trim()), file.trim());
        }
      },
      'build.addbuildtag': ({ data }) => this.buildTags.push(data),
      'build.updatebuildnumber': ({ data }) => (this.buildNumber = data),
    };
  }

  /** Takes one line of standard output or standard error. */
  take(line: string): void {
    const command = parseCommand(line);
    if (command === undefined) this.#show(line);
    else this.#carryOut(command);
  }

  addIssue(type: Issue['type'], message: string): void {
    this.issues.push({ type, message: this.#options.masker.mask(message) });
    this.#show(`##[${type}]${message}`);
  }

  #carryOut(command: AgentCommand): void {
    const handler = this.#handlers[command.name];
    const restricted = this.#options.restrictions?.commands === 'restricted' && !IN_RESTRICTED_MODE.has(command.name);
    if (handler === undefined) {
      this.addIssue('warning', `The agent does not know the command ##[${command.name}]; it is left out.`);
    } else if (restricted) {
      this.addIssue('warning', `${command.name} is not allowed: the task runs with restricted commands.`);
    } else {
      try {
        handler(command);
      } catch (error) {
        // As with the real agent, a command that cannot be carried out fails the step.
        this.addIssue('error', `${command.name}: ${error instanceof Error ? error.message : String(error)}`);
        this.completion = 'Failed';
      }
    }
  }

  #setVariable({ properties, data }: AgentCommand): void {
    const { variable: name = '' } = properties;
    if (name === '') throw new Error('the variable has no name.');
    if (this.#options.readOnlyVariables?.has(name.toLowerCase()) === true) {
      throw new Error(`the variable ${name} is read-only.`);
    }
    const allowed = this.#options.restrictions?.settableVariables;
    if (allowed !== undefined && !allowed.some((pattern) => matches(pattern, name))) {
      this.addIssue('warning', `The task may not set the variable ${name}: its task.json does not allow it.`);
      return;
    }
    const isSecret = isTrue(properties.issecret);
    if (isSecret && /[\r\n]/.test(data)) throw new Error(`the secret variable ${name} has several lines.`);
    if (isSecret) this.#options.masker.add(data);
    const [isOutput, isReadOnly] = [isTrue(properties.isoutput), isTrue(properties.isreadonly)];
    this.variables.push({ name, value: data, isOutput, isSecret, isReadOnly });
  }

  #complete({ properties }: AgentCommand): void {
    const outcome = outcomeNamed(properties.result ?? '');
    if (outcome === undefined) throw new Error(`there is no result "${properties.result ?? ''}".`);
    // Its text is the step's last operation, which no log shows; errors are told by task.logissue.
    if (this.completion !== 'Failed') this.completion = outcome;
  }

  #logIssue({ properties, data }: AgentCommand): void {
    const type = properties.type?.toLowerCase();
    if (type !== 'error' && type !== 'warning') throw new Error(`there is no type "${type ?? ''}" of issue.`);
    this.addIssue(type, data);
  }

  #hand(kind: HandedFile['kind'], type: string, name: string, path: string): void {
    if (!existsSync(path)) throw new Error(`there is no file "${path}".`);
    this.files.push({ kind, type, name, path });
  }

  #show(text: string): void {
    for (const line of this.#options.masker.mask(text).split(/\r?\n/)) this.#options.onLine(line);
  }
}

function isTrue(text: string | undefined): boolean {
  return text?.toLowerCase() === 'true';
}

function fileName(path: string): string {
  return path.split(/[\\/]/).at(-1) ?? path;
}

/** A name that becomes a file name, so it must not lead anywhere else. */
function plainName(name: string, property: string): string {
  if (name === '' || name === '.' || name === '..' || /[\\/\0]/.test(name)) {
    throw new Error(`the property ${property} is "${name}", which is no plain name.`);
  }
  return name;
}

/** `settableVariables.allowed` may use `*`, as in `out*`. Case does not matter. */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`, 'i').test(name);
}
