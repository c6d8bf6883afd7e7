import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { decoyCuts, expectedDecoys, placeDecoys, uniformOf } from '../../domain/integrity/placement.ts';
import { type RunRecord, uniformMicroNats } from '../../domain/integrity/record.ts';
import type { Examining } from '../../executor/read-run-files.ts';
import type { cutsSchema } from '../../executor/run-cuts.ts';
import type { recordSchema } from '../../executor/run-record.ts';
import type { RunSpec } from '../../executor/run-spec.ts';

/** Concrete, valid files of a referee; every test says only what it breaks. */

export const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** Files as a test may break them. */
export type DraftRecord = z.infer<typeof recordSchema>;
export type DraftCuts = z.infer<typeof cutsSchema>;

export const spec: RunSpec = {
  schema: 'prism_run_spec.v2',
  submissionId: 'submission-of-alice',
  run: 'score',
  purpose: 'score',
  attempt: 1,
  fencingToken: 4,
  codeHash: digestOf('bundle'),
  runnerDigest: digestOf('runner'),
  dataDigest: digestOf('data'),
  tokenizersDigest: digestOf('tokenizers'),
  seed: 1_234_567,
  seasonSecret: '00ff',
  streamBytes: 4_096,
  tokenizer: 'bytes',
  architecture: { entrypoint: 'architecture.py', symbol: 'build_model' },
  training: { entrypoint: 'training.py', symbol: 'train' },
  limits: {
    maxParameters: 1_000_000,
    maxSeqLen: 512,
    defaultSeqLen: 128,
    maxLayers: 96,
    maxBatchTokens: 65_536,
    budgetSeconds: 60,
    graceSeconds: 10,
    frameSeconds: 10,
    setupSeconds: 30,
    connectSeconds: 120,
    shownBudgetSeconds: 60,
    maxStateBytes: 5_448_576,
  },
  decoys: {
    cutKey: digestOf('a cut key'),
    cutsPerMegabyte: 8_000,
    framesPerBatch: 0.25,
    equalityBoundMicroNats: 50_000,
  },
  rows: { key: digestOf('a row key'), fraction: 1 },
  exportState: false,
  seedAudit: false,
  device: 'cpu',
  worldSize: 1,
  backend: 'gloo',
  threads: 1,
};

export const examining: Examining = {
  bounds: { equalityBoundMicroNats: 50_000, standardErrors: 4 },
  rerunOf: null,
  committed: [],
};

/**
 * Two batches of four rows: each row a group position count of 15, then a shorter last batch; five bytes stay
 * uncovered.
 */
export function exampleRecord(): DraftRecord {
  const uniform = uniformMicroNats(256);
  const streamBytes = 4_096;
  const rows = 4;
  // Row lengths overlap by one: a lane of n tokens takes n − 1 predictions and one first token.
  const shape = { rows, length: 512, scoredRows: rows, baselineMicroNats: 2_044 * 950_000 };
  const batches = [
    { ...shape, firstTokens: rows, microNats: rows * uniform + 2_044 * 1_000_000, coveredBytes: 2_048 },
    { ...shape, firstTokens: 0, microNats: 2_044 * 900_000, coveredBytes: 4_092 },
  ];
  const groups = [
    { positions: 1_533, microNats: 1_533 * 1_000_000, logits: digestOf('a') },
    { positions: 1_533, microNats: 511 * 1_000_000 + 1_022 * 900_000, logits: digestOf('b') },
    { positions: 1_022, microNats: 1_022 * 900_000, logits: digestOf('c') },
  ];
  const predicted = 2 * rows * 511;
  return {
    schema: 'prism_record.v2',
    codeHash: spec.codeHash,
    seed: spec.seed,
    tokenizer: 'bytes',
    vocab: 256,
    streamBytes,
    streamTokens: streamBytes,
    epsilon: '2^-12',
    scoredRowFraction: 1,
    batches,
    groups,
    remainder: { tokens: 1, bytes: 1, microNats: uniform },
    totals: {
      predictedTokens: predicted,
      laneFirstTokens: rows,
      microNats: batches.reduce((sum, batch) => sum + batch.microNats, uniform),
      coveredBytes: 4_093,
      uncoveredBytes: 3,
    },
  };
}

/** The decoys that the spec's key places in a record, answered by an honest model whose every token costs the same. */
export function exampleCuts(record: RunRecord = exampleRecord()): DraftCuts {
  const { cutKey, cutsPerMegabyte, framesPerBatch } = spec.decoys;
  const key = Buffer.from(cutKey, 'hex');
  const counts = placeDecoys(expectedDecoys(record.batches, spec.decoys), uniformOf(key));
  const frames = counts.flatMap((count, batch) =>
    decoyCuts(key, batch, count, record.batches[batch] ?? { rows: 0, length: 0 }).map((cuts) => ({
      batch,
      cuts: [...cuts],
      blind: cuts.map(() => 1_000_000),
      claimed: cuts.map(() => 1_000_000),
      baseline: cuts.map(() => 950_000),
      largest: cuts.map(() => 0),
    })),
  );
  const keyDigest = createHash('sha256').update(key).digest('hex');
  return { schema: 'prism_cuts.v1', keyDigest, cutsPerMegabyte, framesPerBatch, frames };
}

/** What the manifest says of cuts. */
function sumsOf({ frames }: DraftCuts) {
  const total = (of: (frame: DraftCuts['frames'][number]) => readonly number[]) =>
    frames.flatMap(of).reduce((sum, cost) => sum + cost, 0);
  const cuts = frames.flatMap((frame) => frame.cuts).length;
  const exceeding = frames.flatMap((frame) => frame.largest).filter((difference) => difference > 50_000).length;
  return {
    causality: { cuts, exceeding, worst: null },
    blind_mean: {
      frames: frames.length,
      cuts,
      blindMicroNats: total(({ blind }) => blind),
      claimedMicroNats: total(({ claimed }) => claimed),
      baselineMicroNats: total(({ baseline }) => baseline),
    },
  };
}

type Digests = { readonly record: string | null; readonly cuts: string | null };

export function exampleManifest(
  digests: Digests = { record: null, cuts: null },
  record: RunRecord = exampleRecord(),
  cuts: DraftCuts = exampleCuts(record),
) {
  return {
    schema: 'prism_run_manifest.v2',
    provenance: {
      submissionId: spec.submissionId,
      run: spec.run,
      purpose: spec.purpose,
      attempt: spec.attempt,
      fencingToken: spec.fencingToken,
      codeHash: spec.codeHash,
      seed: spec.seed,
      runnerDigest: spec.runnerDigest,
      dataDigest: spec.dataDigest,
      tokenizersDigest: spec.tokenizersDigest,
      platform: { torch: '2.9.0+cpu', python: '3.11.2', cpu: 'a cpu', capability: 'AVX2', threads: 1, device: 'cpu' },
    },
    outcome: { kind: 'completed' } as Record<string, unknown>,
    recordDigest: digests.record,
    cutsDigest: digests.cuts,
    stateDigest: null,
    export: null,
    xzBytes: 812,
    metrics: {
      sum_neg_log_likelihood_nats: record.totals.microNats / 1e6,
      covered_bytes: record.totals.coveredBytes,
      predicted_tokens: record.totals.predictedTokens,
      step0_loss: 1.0 as number | null,
      online_loss: [1.0, 0.9],
      covered_bytes_cumulative: [2_048, 4_092],
    },
    heldout: null,
    anti_cheat: { step0_anomaly: true, nan_inf_detected: false, ...sumsOf(cuts), seed_audit: null },
    compute: {
      parameters: 5_000,
      tokens: record.totals.predictedTokens,
      flops_estimate: 1e9,
      peak_rss_bytes: null,
      seconds: { setup: 1, frames: 2, training: 3, total: 6 },
    },
    deterministic: true,
    stoppedByClock: false,
    score: {
      schema: 'prism_score.v2',
      primary_metric: 'prequential_bpb',
      lower_is_better: true,
      miner_reported_ignored: true,
    },
  };
}

export const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));

/** All files, with the manifest's digests and sums following the others. */
export function exampleFiles(record: DraftRecord = exampleRecord(), cuts: DraftCuts = exampleCuts(record)) {
  const [recordBytes, cutsBytes] = [bytesOf(record), bytesOf(cuts)];
  const digests = { record: digestOf(recordBytes.toString()), cuts: digestOf(cutsBytes.toString()) };
  return { recordBytes, cutsBytes, manifest: exampleManifest(digests, record, cuts) };
}
