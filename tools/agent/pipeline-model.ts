// What a pipeline is made of, once its file has been read and checked.
import type { Expression } from './expression.ts';

/** Where something stands in a file. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

export interface VariableDefinition {
  readonly name: string;
  /** Plain text, with macros, or a whole runtime expression. */
  readonly value: string | Expression;
  readonly isReadOnly: boolean;
}

interface StepCommon {
  readonly place: Place;
  /** By which other steps refer to its output variables. */
  readonly name: string | undefined;
  readonly displayName: string;
  readonly isEnabled: boolean;
  readonly condition: Expression;
  readonly continueOnError: boolean;
  /** 0 means without limit. */
  readonly timeoutMinutes: number;
  readonly retries: number;
  readonly env: Readonly<Record<string, string>>;
}

export interface TaskStep extends StepCommon {
  readonly kind: 'task';
  readonly task: string;
  readonly majorVersion: number;
  readonly inputs: Readonly<Record<string, string>>;
}

export interface ScriptStep extends StepCommon {
  readonly kind: 'script';
  readonly script: string;
  readonly workingDirectory: string;
  readonly failOnStderr: boolean;
}

export interface CheckoutStep extends StepCommon {
  readonly kind: 'checkout';
  readonly repository: 'self' | 'none';
  /** Folder below the job's folder, `s` unless given. */
  readonly path: string;
}

export type Step = TaskStep | ScriptStep | CheckoutStep;

/** What a stage and a job have in common. */
interface Part {
  readonly place: Place;
  readonly name: string;
  readonly displayName: string;
  readonly dependsOn: readonly string[];
  readonly condition: Expression;
  readonly variables: readonly VariableDefinition[];
}

export interface Job extends Part {
  readonly steps: readonly Step[];
  readonly continueOnError: boolean;
  /** 0 means without limit. */
  readonly timeoutMinutes: number;
  /** Name of the environment that a deployment job deploys to. */
  readonly environment: string | undefined;
}

export interface Stage extends Part {
  readonly jobs: readonly Job[];
}

export interface Pipeline {
  readonly file: string;
  readonly variables: readonly VariableDefinition[];
  readonly stages: readonly Stage[];
  /** Keywords that were understood but mean nothing on this machine. */
  readonly unused: readonly string[];
}
