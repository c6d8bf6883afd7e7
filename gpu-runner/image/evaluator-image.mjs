#!/usr/bin/env node
// The evaluator image: made once for a runnerDigest, found by its labels afterwards.
//
//   node gpu-runner/image/evaluator-image.mjs [--json]
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureEngine } from '../../scripts/engine.mjs';
import { cachePath, writeWhole } from '../../scripts/lib/cache.mjs';
import { requestJson } from '../../scripts/lib/docker-api.mjs';
import { buildImage } from '../../scripts/lib/docker-build.mjs';
import { runInContainer } from '../../scripts/lib/docker-run.mjs';
import { withLock } from '../../scripts/lib/lock.mjs';
import { main, step } from '../../scripts/lib/steps.mjs';
import { ensureBase } from './base.mjs';
import {
  digestOfLines,
  imageFolder,
  readSources,
  recipeDigest,
  runnerDigestOf,
  SOURCE_FOLDERS,
  wheelsDigest,
} from './digest.mjs';
import { ensureWheels } from './wheels.mjs';

const REPOSITORY = 'prism-evaluator';

/** `{runnerDigest, imageId, tag, parts, builtAt}` of the image for the present sources. Needs an engine that answers. */
export async function ensureEvaluatorImage() {
  const found = await findEvaluatorImage();
  const image =
    found ?? (await withLock(cachePath('locks', 'image'), async () => (await findEvaluatorImage()) ?? build()));
  await writeWhole(cachePath('runner.json'), `${JSON.stringify(image, null, 2)}\n`);
  return image;
}

/** The newest image of our recipe and our sources, or null. */
export async function findEvaluatorImage() {
  return findImage({ recipe: await recipeDigest(), sources: (await readSources()).digest });
}

/** The newest image of our recipe, whatever runner it holds, or null. */
export async function findRecipeImage() {
  return findImage({ recipe: await recipeDigest() });
}

/**
 * Only images whose labels add up to the runnerDigest that they are tagged with count: an image built upon one of ours
 * has its labels too, and isn't it. Wheels and Debian packages are as the image says: one made earlier, or elsewhere,
 * from the same recipe is as good.
 */
async function findImage(parts) {
  const filters = JSON.stringify({ label: Object.entries(parts).map(([part, digest]) => `prism.${part}=${digest}`) });
  const images = await requestJson('GET', '/images/json', { query: { filters } });
  const newest = images.filter(isEvaluator).sort((a, b) => b.Created - a.Created)[0];
  return newest ? describe(newest.Id, partsOf(newest.Labels), newest.Created * 1000) : null;
}

/** By what the engine lists of an image: its labels and tags. */
export function isEvaluator({ Labels, RepoTags }) {
  const runnerDigest = runnerDigestOf(partsOf(Labels));
  return Labels['prism.runnerDigest'] === runnerDigest && (RepoTags ?? []).includes(tagOf(runnerDigest));
}

function partsOf(labels) {
  return {
    recipe: labels['prism.recipe'],
    sources: labels['prism.sources'],
    wheels: labels['prism.wheels'],
    debs: labels['prism.debs'],
  };
}

function describe(imageId, parts, builtAtMs) {
  const runnerDigest = runnerDigestOf(parts);
  return { runnerDigest, imageId, tag: tagOf(runnerDigest), parts, builtAt: new Date(builtAtMs).toISOString() };
}

function tagOf(runnerDigest) {
  return `${REPOSITORY}:${runnerDigest.slice(0, 12)}`;
}

/** The stage with sources, types and a shell, for the Python checks. */
export async function buildChecksStage(tag) {
  const { folder, base } = await ingredients();
  const sources = await readSources();
  return buildImage({ tag, target: 'checks', ...recipe(base, folder, sources) });
}

async function ingredients() {
  const { Arch: architecture } = await requestJson('GET', '/version');
  const { folder, wheels } = await ensureWheels(path.join(imageFolder, 'requirements.txt'), architecture, {
    given: process.env.PRISM_WHEELS,
  });
  return { folder, wheels, base: await ensureBase(architecture) };
}

function recipe(base, wheelsFolder, sources) {
  return {
    dockerfile: path.join(imageFolder, 'Dockerfile'),
    args: { BASE: base.image },
    context: {
      'requirements.txt': path.join(imageFolder, 'requirements.txt'),
      'prose.py': path.join(imageFolder, 'prose.py'),
      'world.py': path.join(imageFolder, 'world.py'),
      wheels: wheelsFolder,
    },
    prepare: (context) => writeSources(sources.files, context),
  };
}

async function build() {
  const { folder, wheels, base } = await ingredients();
  const sources = await readSources();
  const parts = {
    recipe: await recipeDigest(),
    sources: sources.digest,
    wheels: wheelsDigest(wheels),
    debs: digestOfLines(base.debs),
  };
  const runnerDigest = runnerDigestOf(parts);
  const tag = tagOf(runnerDigest);
  return step(`building the evaluator image ${tag}`, async () => {
    const imageId = await buildImage({
      tag,
      ...recipe(base, folder, sources),
      labels: {
        'prism.runnerDigest': runnerDigest,
        'prism.recipe': parts.recipe,
        'prism.sources': parts.sources,
        'prism.wheels': parts.wheels,
        'prism.debs': parts.debs,
      },
    });
    await mustStart(imageId);
    return describe(imageId, parts, Date.now());
  });
}

/** Modes don't depend on this machine's umask. */
async function writeSources(files, context) {
  for (const folder of SOURCE_FOLDERS) await mkdir(path.join(context, folder), { recursive: true });
  for (const { name, bytes } of files) {
    const copy = path.join(context, name);
    await mkdir(path.dirname(copy), { recursive: true });
    await writeFile(copy, bytes);
    await chmod(copy, 0o644);
  }
}

async function mustStart(imageId) {
  const output = [];
  const exitCode = await runInContainer(
    {
      Image: imageId,
      Cmd: ['python3', '-P', '-s', '-B', '-c', 'import numpy, torch; torch.ones(2).sum()'],
      HostConfig: { NetworkMode: 'none', ReadonlyRootfs: true },
    },
    { onStderr: (text) => output.push(text) },
  );
  if (exitCode !== 0) throw new Error(`torch does not start in the new image (exit ${exitCode}): ${output.join('')}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async (flags) => {
    const engine = await ensureEngine();
    try {
      const image = await ensureEvaluatorImage();
      process.stdout.write(flags.includes('--json') ? `${JSON.stringify(image)}\n` : `${image.tag} ${image.imageId}\n`);
    } finally {
      await engine.stop();
    }
  });
}
