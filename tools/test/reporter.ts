import Mocha from 'mocha';

/** Mocha's spec reporter, closed by one plain line that a person or a script can read: `unit: 16 passed, 0 failed`. */
export default class SuiteReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      const skipped = pending > 0 ? `, ${pending} skipped` : '';
      const { suite } = (options.reporterOptions ?? {}) as { suite?: string };
      console.log(`${suite ?? 'tests'}: ${passes} passed, ${failures} failed${skipped}\n`);
    });
  }
}
