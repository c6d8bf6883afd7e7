#!/usr/bin/env node
// The quick check: format, lint, types and unit tests. No containers, no engine.
//
//   node scripts/check.mjs
//
// The Python side needs the evaluator's interpreter and is checked by `node scripts/python-check.mjs` and `npm test`.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuild, ensurePackages } from './build.mjs';
import { repositoryRoot } from './lib/cache.mjs';
import { runMocha } from './lib/mocha.mjs';
import { assertNodeVersion } from './lib/node-version.mjs';
import { main, say } from './lib/steps.mjs';

const slowTests = ['dist/test/**/*.container.test.js', 'dist/test/**/*.process.test.js'];

/** Format and lint as one more test each would be: passed or failed. */
export function checkStyle() {
  const biome = path.join(repositoryRoot, 'node_modules/@biomejs/biome/bin/biome');
  const result = spawnSync(process.execPath, [biome, 'check', '--error-on-warnings', '.'], {
    cwd: repositoryRoot,
    stdio: ['ignore', 2, 2],
  });
  say(`format and lint: ${result.status === 0 ? 'ok' : 'failed'}`);
  return result.status === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    assertNodeVersion();
    await ensurePackages();
    await ensureBuild();
    const style = checkStyle();
    const tests = await runMocha(['dist/test/**/*.test.js'], slowTests);
    const failed = style.failed + tests.failed;
    process.stdout.write(`${style.passed + tests.passed} passed, ${failed} failed, ${tests.skipped} skipped\n`);
    return failed === 0 ? 0 : 1;
  });
}
