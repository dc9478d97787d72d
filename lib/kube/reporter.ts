/** Where a rollout tells how it goes. Whoever prints it neutralises foreign text. */
export interface RolloutReporter {
  /** One line of the log. */
  line(text: string): void;
  /** Lines that the log folds under a title. */
  group(title: string, lines: readonly string[]): void;
  /** Something that the user should see although the run goes on. */
  warn(text: string): void;
  /** How far it is, from 0 to 1. */
  progress(fraction: number, doing: string): void;
}
