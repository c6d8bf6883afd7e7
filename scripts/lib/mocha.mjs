// Runs mocha over compiled tests and returns its counts.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readJson, repositoryRoot } from './cache.mjs';

/** Runs the tests that `specs` (globs) and `ignored` select; output goes to stderr. A mocha that dies counts as a failure. */
export async function runMocha(specs, ignored = []) {
  const folder = await mkdtemp(path.join(tmpdir(), 'prism-tests-'));
  try {
    const countsFile = path.join(folder, 'counts.json');
    const exitCode = await mocha([...specs, ...ignored.flatMap((glob) => ['--ignore', glob])], countsFile);
    const counts = (await readJson(countsFile)) ?? { passed: 0, failed: 0, skipped: 0 };
    return exitCode !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function mocha(parameters, countsFile) {
  const program = path.join(repositoryRoot, 'node_modules/mocha/bin/mocha.js');
  const reporter = path.join(repositoryRoot, 'scripts/lib/counting-reporter.cjs');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, '--reporter', reporter, ...parameters], {
      cwd: repositoryRoot,
      env: { ...process.env, PRISM_TEST_COUNTS: countsFile },
      stdio: ['ignore', 2, 2],
    });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
