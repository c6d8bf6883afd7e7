#!/usr/bin/env node
// The Python checks, in a container of the interpreter that will run the code: ruff, mypy and pytest.
//
//   node scripts/python-check.mjs [ruff|format|mypy|pytest …] [-- arguments for pytest]
//
// gpu-runner/ is mounted read-only at /src; caches lie in <cache>/python-check. Output goes to stderr; the last line on
// stdout is {"passed", "failed", "skipped"}: pytest's tests, and each other check as one more.
import { mkdir, readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ensureDevImage } from '../gpu-runner/image/dev-image.mjs';
import { runnerFolder } from '../gpu-runner/image/digest.mjs';
import { ensureTables } from '../gpu-runner/tables/tables.mjs';
import { ensureEngine } from './engine.mjs';
import { cachePath } from './lib/cache.mjs';
import { runInContainer } from './lib/docker-run.mjs';
import { main, say, seconds } from './lib/steps.mjs';

const REPORT = 'pytest.xml';
const CHECKS = {
  ruff: ['ruff', 'check', '.'],
  format: ['ruff', 'format', '--check', '.'],
  mypy: ['mypy', '--strict'],
  pytest: ['python3', '-m', 'pytest', '-q', '-p', 'no:cacheprovider', `--junitxml=/cache/${REPORT}`],
};

export async function checkPython({ only = Object.keys(CHECKS), pytestArguments = [] } = {}) {
  const engine = await ensureEngine();
  try {
    const container = await containerFor(await ensureDevImage(), (await ensureTables()).folder);
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const name of only) {
      const started = performance.now();
      const command = name === 'pytest' ? [...CHECKS.pytest, ...pytestArguments] : CHECKS[name];
      if (name === 'pytest') await rm(cachePath('python-check', REPORT), { force: true });
      const exitCode = await runInContainer({ ...container, Cmd: command }, { onStdout: toStderr, onStderr: toStderr });
      const counted =
        name === 'pytest'
          ? await pytestCounts(exitCode)
          : { passed: exitCode === 0 ? 1 : 0, failed: exitCode === 0 ? 0 : 1, skipped: 0 };
      for (const key of Object.keys(counts)) counts[key] += counted[key];
      say(
        `python ${name}: ${exitCode === 0 ? 'ok' : `failed (exit ${exitCode})`} in ${seconds(performance.now() - started)}`,
      );
    }
    return counts;
  } finally {
    await engine.stop();
  }
}

async function containerFor(image, tables) {
  const cache = cachePath('python-check');
  await mkdir(cache, { recursive: true });
  return {
    Image: image,
    User: `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`,
    WorkingDir: '/src',
    Env: ['MYPY_CACHE_DIR=/cache/mypy', 'RUFF_CACHE_DIR=/cache/ruff', 'HYPOTHESIS_STORAGE_DIRECTORY=/cache/hypothesis'],
    HostConfig: {
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      Init: true,
      Tmpfs: { '/tmp': 'size=2g' },
      Binds: [`${runnerFolder}:/src:ro`, `${tables}:/tokenizers:ro`, `${cache}:/cache`],
    },
  };
}

async function pytestCounts(exitCode) {
  const report = await readFile(cachePath('python-check', REPORT), 'utf8').catch(() => '');
  const counts = parseReport(report);
  // Pytest that broke down before its tests, or found none, hasn't passed.
  return exitCode !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** Counts from a JUnit report's totals. */
export function parseReport(xml) {
  const suite = /<testsuite [^>]*>/.exec(xml)?.[0] ?? '';
  const attribute = (name) => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const failed = attribute('failures') + attribute('errors');
  const skipped = attribute('skipped');
  return { passed: attribute('tests') - failed - skipped, failed, skipped };
}

function toStderr(text) {
  process.stderr.write(text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async (words) => {
    const end = words.indexOf('--');
    const names = end < 0 ? words : words.slice(0, end);
    const unknown = names.find((name) => !(name in CHECKS));
    if (unknown) throw new Error(`unknown check '${unknown}': ${Object.keys(CHECKS).join(', ')}`);
    const counts = await checkPython({
      only: names.length > 0 ? names : undefined,
      pytestArguments: end < 0 ? [] : words.slice(end + 1),
    });
    process.stdout.write(`${JSON.stringify(counts)}\n`);
    return counts.failed === 0 ? 0 : 1;
  });
}
