// The image of the Python checks: what the evaluator image is made from, with sources and types, plus test runner, type
// checker and linter. It doesn't depend on the runner's sources, which are mounted: they change with every check.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { cachePath, sha256 } from '../../scripts/lib/cache.mjs';
import { inspectImage, requestJson } from '../../scripts/lib/docker-api.mjs';
import { buildImage } from '../../scripts/lib/docker-build.mjs';
import { withLock } from '../../scripts/lib/lock.mjs';
import { step } from '../../scripts/lib/steps.mjs';
import { imageFolder } from './digest.mjs';
import { buildChecksStage, ensureEvaluatorImage, findRecipeImage } from './evaluator-image.mjs';
import { ensureWheels } from './wheels.mjs';

/** The tag of the image for the checks. Needs an engine that answers. */
export async function ensureDevImage() {
  const { parts } = (await findRecipeImage()) ?? (await ensureEvaluatorImage());
  const requirements = path.join(imageFolder, 'requirements-dev.txt');
  const dockerfile = path.join(imageFolder, 'Dockerfile.dev');
  const key = sha256(
    JSON.stringify([
      parts.recipe,
      parts.wheels,
      parts.debs,
      await readFile(requirements, 'utf8'),
      await readFile(dockerfile, 'utf8'),
    ]),
  ).slice(0, 12);
  const tag = `prism-evaluator-dev:${key}`;
  if (await inspectImage(tag)) return tag;
  await withLock(cachePath('locks', 'image'), async () => {
    if (await inspectImage(tag)) return;
    const { Arch: architecture } = await requestJson('GET', '/version');
    const { folder } = await ensureWheels(requirements, architecture);
    await step(`building the image of the Python checks ${tag}`, async () => {
      const base = await buildChecksStage(`${tag}-base`);
      await buildImage({ tag, dockerfile, args: { BASE: base }, context: { wheels: folder } });
    });
  });
  return tag;
}
