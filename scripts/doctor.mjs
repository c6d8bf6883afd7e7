#!/usr/bin/env node
// What this machine has and lacks. Looks and changes nothing.
//
//   node scripts/doctor.mjs [--json]
import { access, statfs } from 'node:fs/promises';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { corpusFolder } from '../gpu-runner/corpus/corpus.mjs';
import { problemOf as corpusProblem } from '../gpu-runner/corpus/manifest.mjs';
import { findEvaluatorImage } from '../gpu-runner/image/evaluator-image.mjs';
import { checkTables } from '../gpu-runner/tables/tables.mjs';
import { engineStatus } from './engine.mjs';
import { repositoryRoot } from './lib/cache.mjs';
import { mayInstall } from './lib/debian.mjs';
import { nativeModuleAborts } from './lib/native-module.mjs';
import { isNodeNewEnough } from './lib/node-version.mjs';
import { capture, findProgram } from './lib/process.mjs';
import { main } from './lib/steps.mjs';

const GIB = 2 ** 30;
const DISK_NEEDED = 8 * GIB;
/** A contestant's 8 GiB and the 4 GiB that an executor keeps free (CONTRACT.md §2). */
const MEMORY_NEEDED = 12 * GIB;
const PREPARE = 'node scripts/setup.mjs --runtime';

/** One check a line of the report: `[{name, ok, detail, remedy}]`; `remedy` is null where all is well. */
export async function diagnose() {
  const engine = await engineStatus().catch((error) => ({ answers: false, error: error.message }));
  const checks = [
    checkNode(),
    checkPackages(),
    checkEngine(engine),
    checkTools(),
    checkDisk(),
    checkMemory(),
    checkCores(),
    checkImage(engine),
    checkCorpus(),
    checkTokenizers(),
  ];
  return Promise.all(checks);
}

function check(name, ok, detail, remedy) {
  return { name, ok, detail, remedy: ok ? null : remedy };
}

function checkNode() {
  return check('node', isNodeNewEnough(), process.versions.node, 'Install Node 20.19 or later.');
}

async function checkPackages() {
  const there = await access(`${repositoryRoot}/node_modules/.package-lock.json`).then(
    () => true,
    () => false,
  );
  const aborts = await nativeModuleAborts();
  const detail = aborts ? 'better-sqlite3 is compiled against headers that it aborts with' : 'installed';
  return check('npm packages', there && !aborts, there ? detail : 'not installed', 'node scripts/setup.mjs');
}

function checkEngine(engine) {
  if (!engine.answers)
    return check(
      'docker engine',
      false,
      engine.error,
      'Start Docker, set DOCKER_HOST, or as root on Debian: node scripts/engine.mjs start',
    );
  const slow = engine.storageDriver === 'vfs' ? ', slow: every layer is a full copy' : '';
  const owner = engine.marker ? ', started from here' : '';
  return check(
    'docker engine',
    true,
    `${engine.version}, ${engine.storageDriver}${slow}, cgroups v${engine.cgroupVersion}${owner}`,
  );
}

/** What making the image needs: not needed once it is there. */
async function checkTools() {
  const pip = await capture('python3', ['-m', 'pip', '--version']).then(
    (text) => text.split(' ').slice(0, 2).join(' '),
    () => null,
  );
  const debootstrap = await findProgram('debootstrap');
  const installable = await mayInstall();
  const found = [
    pip ?? 'no pip',
    debootstrap ? 'debootstrap' : 'no debootstrap',
    installable ? 'apt-get as root' : 'apt-get not to be used',
  ];
  return check(
    'image tools',
    pip !== null || installable,
    found.join(', '),
    'Install python3 with pip; without root on Debian the base image is pulled instead of bootstrapped.',
  );
}

async function checkDisk() {
  const { bavail, bsize } = await statfs(repositoryRoot);
  return check(
    'disk',
    bavail * bsize >= DISK_NEEDED,
    `${gibibytes(bavail * bsize)} free`,
    `Free ${gibibytes(DISK_NEEDED)}: image and wheels take about 4 GiB while they are made.`,
  );
}

function checkMemory() {
  return check(
    'memory',
    os.totalmem() >= MEMORY_NEEDED,
    gibibytes(os.totalmem()),
    `A slot needs ${gibibytes(MEMORY_NEEDED)}; lower the memory limit by policy to run with less.`,
  );
}

function checkCores() {
  const cores = os.availableParallelism();
  return check(
    'cores',
    cores >= 2,
    String(cores),
    'An attempt wants two cores; with one it is slow, and its verdict the same.',
  );
}

async function checkImage(engine) {
  if (!engine.answers) return check('evaluator image', false, 'unknown while no engine answers', PREPARE);
  const image = await findEvaluatorImage();
  return check(
    'evaluator image',
    image !== null,
    image ? `${image.tag}, runnerDigest ${image.runnerDigest}` : 'none of the present sources',
    PREPARE,
  );
}

async function checkCorpus() {
  const folder = await corpusFolder();
  const problem = await corpusProblem(folder);
  return check('demo corpus', problem === null, problem ?? `${folder}, every shard verified`, PREPARE);
}

async function checkTokenizers() {
  const { folder, problem } = await checkTables();
  return check('tokenizer tables', problem === null, problem ?? folder, PREPARE);
}

function gibibytes(bytes) {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async (flags) => {
    const checks = await diagnose();
    const lines = checks.map(
      ({ name, ok, detail, remedy }) =>
        `${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(17)} ${detail}${remedy ? `\n      → ${remedy}` : ''}`,
    );
    process.stdout.write(`${flags.includes('--json') ? JSON.stringify(checks) : lines.join('\n')}\n`);
    return checks.every(({ ok }) => ok) ? 0 : 1;
  });
}
