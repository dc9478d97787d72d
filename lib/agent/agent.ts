import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as taskLib from 'azure-pipelines-task-lib/task.js';
import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { Inputs } from './inputs.ts';
import { hiddenLines, masked, SHORTEST_SECRET } from './masking.ts';
import { neutralise } from './neutralise.ts';
import { ServiceConnections } from './service-connections.ts';

/** Facts of a run that become the JSON attachment from which lineage is drawn. */
export type Facts = Readonly<Record<string, unknown>>;

/**
 * The Azure Pipelines agent as a task sees it. Everything that a task prints goes through here, so that text
 * from outside can never give the agent a command.
 */
export class Agent {
  /** Name of the running task, such as `FetchLatestModel`. */
  readonly taskName: string;
  /** Aborts when the agent asks the task to stop; its reason is a {@link DeliveryError} `CANCELLED`. */
  readonly signal: AbortSignal;
  readonly inputs = new Inputs(taskLib.getInput);
  readonly connections = new ServiceConnections({
    url: (id) => taskLib.getEndpointUrl(id, true),
    scheme: (id) => taskLib.getEndpointAuthorizationScheme(id, true),
    parameter: endpointParameter,
    data: (id, key) => taskLib.getEndpointDataParameter(id, key, true),
  });

  readonly #hidden = new Set<string>();

  constructor(taskName: string, signal: AbortSignal) {
    this.taskName = taskName;
    this.signal = signal;
  }

  /** A variable of the pipeline, such as `Build.SourceVersion`; undefined where it is not set or empty. */
  variable(name: string): string | undefined {
    const value = taskLib.getVariable(name);
    return value === '' ? undefined : value;
  }

  /** Whether a text has the value of a secret variable in it. */
  holdsSecret(text: string): boolean {
    return secretVariables().some((value) => value.length >= SHORTEST_SECRET && text.includes(value));
  }

  /** A text with `***` in place of every secret, for where the agent does not see to that itself. */
  masked(text: string): string {
    return masked(text, [...secretVariables(), ...this.#hidden]);
  }

  /** One line, or several, for the log. */
  log(text: string): void {
    process.stdout.write(`${neutralise(text)}\n`);
  }

  /** Lines that the log shows folded under a title. */
  logGroup(title: string, lines: readonly string[]): void {
    process.stdout.write(`##[group]${oneLine(title)}\n`);
    for (const line of lines) this.log(line);
    process.stdout.write('##[endgroup]\n');
  }

  /** Folds all that is logged during some work under a title. */
  async logDuring<Result>(title: string, work: () => Promise<Result>): Promise<Result> {
    process.stdout.write(`##[group]${oneLine(title)}\n`);
    try {
      return await work();
    } finally {
      process.stdout.write('##[endgroup]\n');
    }
  }

  /** Shown only when the pipeline runs with `System.Debug`. */
  debug(text: string): void {
    for (const line of text.split('\n')) taskLib.debug(neutralise(line));
  }

  /** A warning that also stands on the run's page. */
  warn(text: string): void {
    taskLib.warning(neutralise(text), taskLib.IssueSource.TaskInternal);
  }

  /** How far the task is, from 0 to 1, and what it is doing. */
  progress(fraction: number, doing: string): void {
    taskLib.setProgress(Math.floor(Math.min(1, Math.max(0, fraction)) * 100), neutralise(doing));
  }

  /** Sets output variables; other steps read them as `$(stepName.key)`. */
  setOutputs(outputs: Readonly<Record<string, string | number | boolean>>): void {
    for (const [name, value] of Object.entries(outputs)) taskLib.setVariable(name, String(value), false, true);
  }

  /** Tells the agent to hide a value from now on. It takes single lines only: a key file is hidden line by line, as a log shows it. */
  hide(secret: string): void {
    this.#hidden.add(secret);
    for (const line of hiddenLines(secret)) taskLib.setSecret(line);
  }

  /** Shows a Markdown page on the run's summary tab; where it cannot be kept, that is a warning. */
  uploadSummary(markdown: string): void {
    const file = this.#keepIfPossible('summary', `${this.taskName}.md`, neutralise(markdown));
    if (file !== undefined) taskLib.uploadSummary(file);
  }

  /** Keeps the run's facts as a JSON attachment of type `model-delivery.<task>`; where that fails, it is a warning. */
  attachFacts(facts: Facts): void {
    const file = this.#keepIfPossible('facts', `${this.taskName}.json`, `${JSON.stringify(facts, null, 2)}\n`);
    if (file !== undefined) taskLib.addAttachment(`model-delivery.${this.taskName}`, this.taskName, file);
  }

  /** Puts results on the run's Tests tab, from a file in JUnit's format. */
  publishTestResults(title: string, junit: string): void {
    const resultFiles = this.#keep(`${this.taskName}.xml`, junit);
    const run = { type: 'JUnit', runTitle: neutralise(title), publishRunAttachments: 'true' };
    taskLib.command('results.publish', { ...run, resultFiles }, '');
  }

  /** Ends the task as failed, with the one error that the user should read. */
  fail(error: unknown): void {
    const debugging = this.variable('System.Debug')?.toLowerCase() === 'true';
    if (debugging && error instanceof Error) this.debug(traceOf(error));
    taskLib.setResult(taskLib.TaskResult.Failed, neutralise(this.#explain(error)));
  }

  succeed(): void {
    taskLib.setResult(taskLib.TaskResult.Succeeded, '');
  }

  #explain(error: unknown): string {
    if (error instanceof DeliveryError) return `${error.code}: ${error.message} ${error.remedy}`;
    const message = error instanceof Error ? error.message : String(error);
    return (
      `UNEXPECTED: ${this.taskName} met an error it does not know: ${message} ` +
      'Run the pipeline with System.Debug set to true and report the log.'
    );
  }

  /** What only tells of the work must not fail it: an image may be pushed, and its outputs are set. */
  #keepIfPossible(what: string, name: string, content: string): string | undefined {
    try {
      return this.#keep(name, content);
    } catch (error) {
      this.warn(
        `The ${what} of ${this.taskName} could not be written, and the run goes on without: ${messageOf(error)}. Make room in the temp folder of the agent.`,
      );
      return undefined;
    }
  }

  /** Writes a file for the agent to take up after the task has ended; the agent empties its temp folder itself. */
  #keep(name: string, content: string): string {
    const file = join(mkdtempSync(join(this.variable('Agent.TempDirectory') ?? tmpdir(), 'model-delivery-')), name);
    writeFileSync(file, this.masked(content));
    return file;
  }
}

/** The task library's types promise each a value, but of a secret variable that is empty there is none. */
function secretVariables(): readonly string[] {
  const variables: readonly { readonly secret: boolean; readonly value?: string }[] = taskLib.getVariables();
  return variables.flatMap(({ secret, value }) => (secret && value !== undefined ? [value] : []));
}

/**
 * A parameter of a service connection. Read from the whole, for the task library writes each that is asked for by its name
 * into the debug log, secrets too.
 */
function endpointParameter(id: string, key: string): string | undefined {
  const parameters = taskLib.getEndpointAuthorization(id, true)?.parameters ?? {};
  return Object.entries(parameters).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
}

function oneLine(text: string): string {
  return neutralise(text).replaceAll('\n', ' ');
}

/** The stack of an error and of all that caused it. */
function traceOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by: ${traceOf(error.cause)}` : own;
}
