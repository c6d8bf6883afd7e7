#!/usr/bin/env node
// Archives, manifests and sources by chance, many times longer than `npm test` does it.
//
//   node scripts/fuzz.mjs [factor]      (`npm run fuzz`; 50 times by default)
//
// A failure prints fast-check's seed and path, with which it can be run again. stdout's last line is as for `npm test`.
import { ensureBuild, ensurePackages } from './build.mjs';
import { runMocha } from './lib/mocha.mjs';
import { assertNodeVersion } from './lib/node-version.mjs';
import { main } from './lib/steps.mjs';

const defaultFactor = 50;

await main(async ([factor = String(defaultFactor)]) => {
  if (!/^[1-9]\d*$/.test(factor)) throw new Error(`'${factor}' is no number of times`);
  assertNodeVersion();
  await ensurePackages();
  await ensureBuild();
  process.env.PRISM_FUZZ = factor;
  const { passed, failed, skipped } = await runMocha(['dist/test/**/*.fuzz.test.js']);
  process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  return failed === 0 ? 0 : 1;
});
