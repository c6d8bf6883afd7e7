// Mocha's spec reporter, which also leaves its counts in the file that PRISM_TEST_COUNTS names.
const { writeFileSync } = require('node:fs');
const { reporters, Runner } = require('mocha');

module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      const counts = { passed: passes, failed: failures, skipped: pending };
      if (process.env.PRISM_TEST_COUNTS) writeFileSync(process.env.PRISM_TEST_COUNTS, JSON.stringify(counts));
    });
  }
};
