#!/usr/bin/env node
// From a fresh clone to a program that runs: packages, build, and with --runtime all that attempts need.
//
//   node scripts/setup.mjs [--runtime] [--json]
//
// Progress on stderr. With --runtime --json, stdout's last line is what ensureRuntime() returns; the engine, if one had
// to be started, stays up for the process that called this one. Run again, it does only what has changed.
import { assertNodeVersion } from './lib/node-version.mjs';
import { main, say, seconds } from './lib/steps.mjs';

await main(async (flags) => {
  const started = performance.now();
  assertNodeVersion();
  // Imported once the version is known to do: an older Node would fail inside them with something unreadable.
  const { ensurePackages, ensureBuild } = await import('./build.mjs');
  await ensurePackages();
  await ensureBuild();
  if (flags.includes('--runtime')) {
    const { ensureRuntime } = await import('./runtime.mjs');
    const runtime = await ensureRuntime({ owner: process.ppid });
    if (flags.includes('--json')) process.stdout.write(`${JSON.stringify(runtime)}\n`);
  }
  say(`ready (${seconds(performance.now() - started)})`);
});
