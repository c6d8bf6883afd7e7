import { createHash } from 'node:crypto';
import { type RunRecord, uniformMicroNats } from '../../executor/run-record.ts';
import type { RunSpec } from '../../executor/run-spec.ts';

/** Concrete, valid files of a referee; every test says only what it breaks. */

export const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');

export const spec: RunSpec = {
  schema: 'prism_run_spec.v1',
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
  },
  device: 'cpu',
  worldSize: 1,
  backend: 'gloo',
  threads: 1,
};

/**
 * Two batches of four rows: each row a group position count of 15, then a shorter last batch; five bytes stay
 * uncovered.
 */
export function exampleRecord(): RunRecord {
  const uniform = uniformMicroNats(256);
  const streamBytes = 4_096;
  const rows = 4;
  // Row lengths overlap by one: a lane of n tokens takes n − 1 predictions and one first token.
  const batches = [
    { rows, length: 512, firstTokens: rows, microNats: rows * uniform + 2_044 * 1_000_000, coveredBytes: 2_048 },
    { rows, length: 512, firstTokens: 0, microNats: 2_044 * 900_000, coveredBytes: 4_092 },
  ];
  const groups = [
    { positions: 1_533, microNats: 1_533 * 1_000_000, logits: digestOf('a') },
    { positions: 1_533, microNats: 511 * 1_000_000 + 1_022 * 900_000, logits: digestOf('b') },
    { positions: 1_022, microNats: 1_022 * 900_000, logits: digestOf('c') },
  ];
  const predicted = 2 * rows * 511;
  return {
    schema: 'prism_record.v1',
    codeHash: spec.codeHash,
    seed: spec.seed,
    tokenizer: 'bytes',
    vocab: 256,
    streamBytes,
    streamTokens: streamBytes,
    epsilon: '2^-12',
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

export function exampleManifest(recordDigest: string | null, record: RunRecord = exampleRecord()) {
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
    recordDigest,
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
    anti_cheat: { step0_anomaly: false, nan_inf_detected: false, causality: null, blind_mean: null, seed_audit: null },
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

/** Both files, with the manifest's digest and metrics following the record. */
export function exampleFiles(record: RunRecord = exampleRecord()) {
  const recordBytes = bytesOf(record);
  return { recordBytes, manifest: exampleManifest(digestOf(recordBytes.toString()), record) };
}
