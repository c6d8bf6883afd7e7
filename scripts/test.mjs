#!/usr/bin/env node
// Everything: set-up on a bare machine, format, lint, types, Python's checks, unit, process and container tests.
//
//   node scripts/test.mjs            (`npm test`; with PRISM_LONG=1, `npm run test:long`, at full counts)
//
// stdout's last line is `N passed, N failed, N skipped`; an engine that had to be started is stopped again.
import { assertNodeVersion } from './lib/node-version.mjs';
import { main, say, seconds } from './lib/steps.mjs';

await main(async () => {
  const started = performance.now();
  assertNodeVersion();
  const { ensureBuild, ensurePackages } = await import('./build.mjs');
  await ensurePackages();
  await ensureBuild();
  const { ensureEngine } = await import('./engine.mjs');
  const engine = await ensureEngine();
  try {
    const total = await runEverything();
    say(`all of it took ${seconds(performance.now() - started)}`);
    process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
    return total.failed === 0 ? 0 : 1;
  } finally {
    await engine.stop();
  }
});

async function runEverything() {
  const { ensureRuntime } = await import('./runtime.mjs');
  const { checkStyle } = await import('./check.mjs');
  const { checkPython } = await import('./python-check.mjs');
  const { runMocha } = await import('./lib/mocha.mjs');
  await ensureRuntime();
  const parts = [checkStyle(), await checkPython(), await runMocha(['dist/test/**/*.test.js', 'test/**/*.test.mjs'])];
  return parts.reduce((sum, part) => ({
    passed: sum.passed + part.passed,
    failed: sum.failed + part.failed,
    skipped: sum.skipped + part.skipped,
  }));
}
