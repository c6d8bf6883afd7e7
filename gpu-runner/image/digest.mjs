// The runnerDigest: which code judges, down to the byte.
//
// An imported image has no digest, and its id differs at every build, so the runner is known by what went into it:
//
//   recipe    the Dockerfile and the scripts here that make the image
//   sources   prism_runner/ and prism_challenge/, every file's path and bytes
//   wheels    every wheel's name and bytes
//   debs      the base's Debian packages as name=version
//
// Each part is a SHA-256 over sorted lines; the runnerDigest is one over the four. All five are labels of the image, so
// that an image carried here from another host can be checked without making it again.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256 } from '../../scripts/lib/cache.mjs';

export const imageFolder = path.dirname(fileURLToPath(import.meta.url));
export const runnerFolder = path.resolve(imageFolder, '..');
export const SOURCE_FOLDERS = ['prism_challenge', 'prism_runner'];
const RECIPE_FILES = [
  'Dockerfile',
  'Dockerfile.base',
  'base.mjs',
  'digest.mjs',
  'evaluator-image.mjs',
  'requirements.txt',
  'prose.py',
  'wheels.mjs',
  'world.py',
];

/** SHA-256 over the lines, sorted by UTF-16 code unit, each ended by a newline. */
export function digestOfLines(lines) {
  return sha256(
    [...lines]
      .sort()
      .map((line) => `${line}\n`)
      .join(''),
  );
}

/** From the four parts' digests to the runnerDigest. */
export function runnerDigestOf({ recipe, sources, wheels, debs }) {
  return digestOfLines([`debs ${debs}`, `recipe ${recipe}`, `sources ${sources}`, `wheels ${wheels}`]);
}

export function wheelsDigest(wheels) {
  return digestOfLines(wheels.map(({ name, sha256: digest }) => `${digest} ${name}`));
}

export async function recipeDigest() {
  return digestOfFiles(
    await Promise.all(
      RECIPE_FILES.map(async (name) => ({ name, bytes: await readFile(path.join(imageFolder, name)) })),
    ),
  );
}

/** The runner's files below gpu-runner/, read once so that what is digested is what is built: `{digest, files: [{name, bytes}]}`. */
export async function readSources() {
  const perFolder = await Promise.all(SOURCE_FOLDERS.map((folder) => filesBelow(folder)));
  const files = await Promise.all(
    perFolder
      .flat()
      .sort()
      .map(async (name) => ({ name, bytes: await readFile(path.join(runnerFolder, name)) })),
  );
  return { digest: digestOfFiles(files), files };
}

/** What tools leave behind is no source. */
async function filesBelow(folder) {
  const entries = await readdir(path.join(runnerFolder, folder), { withFileTypes: true }).catch((error) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const kept = entries.filter(({ name }) => name !== '__pycache__' && !name.startsWith('.'));
  const nested = await Promise.all(
    kept.map((entry) => {
      const name = `${folder}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(name) : [name];
    }),
  );
  return nested.flat();
}

function digestOfFiles(files) {
  return digestOfLines(files.map(({ name, bytes }) => `${sha256(bytes)} ${name}`));
}
