// Everything that running an attempt needs, made ready: engine, evaluator image, demo corpus, tokenizer tables.
import { ensureCorpus } from '../gpu-runner/corpus/corpus.mjs';
import { ensureEvaluatorImage } from '../gpu-runner/image/evaluator-image.mjs';
import { ensureTables } from '../gpu-runner/tables/tables.mjs';
import { ensureEngine } from './engine.mjs';

/**
 * Paths are absolute; `dataDir` holds a folder a split. Digests are SHA-256 of image parts and of manifests, in hex.
 * Where `engineStartedByUs`, the engine is up for `owner` (a pid), who calls `node scripts/engine.mjs release` when done.
 */
export async function ensureRuntime({ owner = process.pid } = {}) {
  const engine = await ensureEngine({ owner });
  try {
    const { runnerDigest, imageId, tag } = await ensureEvaluatorImage();
    const corpus = await ensureCorpus();
    const tables = await ensureTables();
    return {
      runnerDigest,
      imageId,
      imageTag: tag,
      dataDir: corpus.folder,
      dataDigests: Object.fromEntries(Object.entries(corpus.splits).map(([name, { digest }]) => [name, digest])),
      tokenizersDir: tables.folder,
      tokenizersDigest: tables.digest,
      tokenizers: tables.tokenizers,
      engineStartedByUs: engine.startedByUs,
    };
  } catch (error) {
    await engine.stop();
    throw error;
  }
}
