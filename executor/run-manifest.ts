/**
 * Reads what the referee left behind: the one place where its files become a `Measurement`.
 *
 * The referee is trusted, its disk and our transfer of it less so: every number that follows from others is recomputed,
 * and provenance must be what was asked. A file that fails is our fault (`manifestInvalid`), never the contestant's.
 */
import canonicalize from 'canonicalize';
import { z } from 'zod';
import { sha256Hex } from '../domain/blob-digest.ts';
import type { Measurement } from '../domain/submission/events.ts';
import { countSchema, digestSchema } from '../domain/values.ts';
import type { ManifestReading } from './outcome.ts';
import { checkRecord, type RunRecord, recordSchema, uniformMicroNats } from './run-record.ts';
import type { RunSpec } from './run-spec.ts';

export const manifestLimitBytes = 2 ** 20;

const claimSchema = z.string().max(8_192).nullable();
const secondsSchema = z.number().nonnegative();

const platformSchema = z.strictObject({
  torch: z.string(),
  python: z.string(),
  cpu: z.string(),
  capability: z.string(),
  threads: z.int().positive(),
  device: z.string(),
});

const provenanceSchema = z.strictObject({
  submissionId: z.string(),
  run: z.string(),
  purpose: z.string(),
  attempt: countSchema,
  fencingToken: countSchema,
  codeHash: digestSchema,
  seed: countSchema,
  runnerDigest: digestSchema,
  dataDigest: digestSchema,
  tokenizersDigest: digestSchema,
  platform: platformSchema,
});

const outcomeSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('completed') }),
  z.strictObject({
    kind: z.literal('failed'),
    verdict: z.enum(['contract', 'exception', 'parameterCap', 'nan', 'timeout']),
    where: claimSchema,
    message: claimSchema,
  }),
  z.strictObject({ kind: z.literal('lost'), phase: z.string().max(8_192), message: z.string().max(8_192) }),
  z.strictObject({ kind: z.literal('fault'), message: z.string().max(65_536) }),
]);

/** What a held-out run needs of the run whose state it measures (PROTOCOL.md §7). */
const exportSchema = z.strictObject({
  bytes: countSchema,
  batchSize: countSchema,
  seqLen: countSchema,
  released: z.array(z.tuple([countSchema, countSchema])).max(4_096),
});

/** `prism_run_manifest.v2` (PROTOCOL.md §4). */
const manifestSchema = z.strictObject({
  schema: z.literal('prism_run_manifest.v2'),
  provenance: provenanceSchema,
  outcome: outcomeSchema,
  recordDigest: digestSchema.nullable(),
  stateDigest: digestSchema.nullable(),
  export: exportSchema.nullable(),
  xzBytes: countSchema,
  metrics: z.strictObject({
    sum_neg_log_likelihood_nats: z.number().nonnegative(),
    covered_bytes: countSchema,
    predicted_tokens: countSchema,
    step0_loss: z.number().nonnegative().nullable(),
    online_loss: z.array(z.number().nonnegative()).max(500),
    covered_bytes_cumulative: z.array(countSchema).max(500),
  }),
  heldout: z.null(),
  anti_cheat: z.strictObject({
    step0_anomaly: z.boolean(),
    nan_inf_detected: z.boolean(),
    causality: z.null(),
    blind_mean: z.null(),
    seed_audit: z
      .strictObject({ elements: countSchema, invariantElements: countSchema, informationBytes: countSchema })
      .nullable(),
  }),
  compute: z.strictObject({
    parameters: countSchema,
    tokens: countSchema,
    flops_estimate: z.number().nonnegative(),
    peak_rss_bytes: countSchema.nullable(),
    seconds: z.strictObject({
      setup: secondsSchema,
      frames: secondsSchema,
      training: secondsSchema,
      total: secondsSchema,
    }),
  }),
  deterministic: z.boolean(),
  stoppedByClock: z.boolean(),
  score: z.strictObject({
    schema: z.literal('prism_score.v2'),
    primary_metric: z.literal('prequential_bpb'),
    lower_is_better: z.literal(true),
    miner_reported_ignored: z.literal(true),
  }),
});
export type RunManifest = z.infer<typeof manifestSchema>;

/** Raw measurements of a completed run, and where they hold. */
export type Measured = { readonly measurement: Measurement; readonly runnerDigest: string; readonly platform: string };
export type ManifestResult = { readonly reading: ManifestReading; readonly measured: Measured | null };

/** What was asked for, and must come back. */
export type Asked = Pick<
  RunSpec,
  | 'submissionId'
  | 'run'
  | 'purpose'
  | 'attempt'
  | 'fencingToken'
  | 'codeHash'
  | 'seed'
  | 'runnerDigest'
  | 'dataDigest'
  | 'tokenizersDigest'
  | 'tokenizer'
  | 'streamBytes'
>;

/** Reads and checks both files; null stands for a file that isn't there. Never throws on their account. */
export function readRunFiles(
  manifestBytes: Uint8Array | null,
  recordBytes: Uint8Array | null,
  asked: Asked,
): ManifestResult {
  if (manifestBytes === null) return { reading: { kind: 'none' }, measured: null };
  try {
    const manifest = parseManifest(manifestBytes);
    checkProvenance(manifest, asked);
    if (manifest.outcome.kind !== 'completed') return { reading: manifest.outcome, measured: null };
    const record = parseRecord(recordBytes, manifest);
    checkAgainstRecord(manifest, record, asked);
    return { reading: manifest.outcome, measured: toMeasured(manifest, record) };
  } catch (error) {
    return { reading: { kind: 'invalid', problem: problemOf(error) }, measured: null };
  }
}

class InvalidManifestError extends Error {
  override readonly name = 'InvalidManifestError';
}

function parseManifest(bytes: Uint8Array): RunManifest {
  if (bytes.byteLength > manifestLimitBytes)
    throw new InvalidManifestError(`The manifest has ${bytes.byteLength} bytes.`);
  return manifestSchema.parse(parseJson(bytes, 'manifest'));
}

function parseRecord(bytes: Uint8Array | null, manifest: RunManifest): RunRecord {
  if (bytes === null || manifest.recordDigest === null)
    throw new InvalidManifestError('A completed run has no record.');
  if (sha256Hex(bytes) !== manifest.recordDigest)
    throw new InvalidManifestError("The record's digest is not the manifest's.");
  const record = recordSchema.parse(parseJson(bytes, 'record'));
  checkRecord(record);
  return record;
}

/** `JSON.parse` refuses NaN and infinities; a fatal decoder refuses what isn't UTF-8. */
function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new InvalidManifestError(`The ${what} is no JSON in UTF-8.`, { cause: error });
  }
}

const provenanceFields = [
  'submissionId',
  'run',
  'purpose',
  'attempt',
  'fencingToken',
  'codeHash',
  'seed',
  'runnerDigest',
  'dataDigest',
  'tokenizersDigest',
] as const;

function checkProvenance({ provenance }: RunManifest, asked: Asked): void {
  for (const field of provenanceFields) mustBe(`provenance.${field}`, provenance[field], asked[field]);
}

/** A stream is cut at a character's boundary: it may have up to three bytes fewer than asked. */
const shortOfStream = 3;

function checkAgainstRecord(manifest: RunManifest, record: RunRecord, asked: Asked): void {
  mustBe('record.codeHash', record.codeHash, asked.codeHash);
  mustBe('record.seed', record.seed, asked.seed);
  mustBe('record.tokenizer', record.tokenizer, asked.tokenizer);
  const missing = asked.streamBytes - record.streamBytes;
  if (missing < 0 || missing > shortOfStream) {
    throw new InvalidManifestError(`record.streamBytes is ${record.streamBytes}, asked were ${asked.streamBytes}`);
  }
  mustBe('metrics.covered_bytes', manifest.metrics.covered_bytes, record.totals.coveredBytes);
  mustBe('metrics.predicted_tokens', manifest.metrics.predicted_tokens, record.totals.predictedTokens);
  mustBe(
    'metrics.sum_neg_log_likelihood_nats',
    Math.round(manifest.metrics.sum_neg_log_likelihood_nats * 1e6),
    record.totals.microNats,
  );
  mustBe('the curve', manifest.metrics.covered_bytes_cumulative.length, manifest.metrics.online_loss.length);
  if (manifest.xzBytes === 0) throw new InvalidManifestError('xzBytes is 0');
}

function mustBe(what: string, stated: unknown, expected: unknown): void {
  if (stated !== expected) throw new InvalidManifestError(`${what} is ${stated}, expected ${expected}`);
}

function toMeasured(manifest: RunManifest, record: RunRecord): Measured {
  const { totals, streamBytes, vocab } = record;
  const { runnerDigest, platform } = manifest.provenance;
  return {
    measurement: {
      microNats: totals.microNats,
      coveredBytes: totals.coveredBytes,
      uncoveredBytes: totals.uncoveredBytes,
      streamBytes,
      predictedTokens: totals.predictedTokens,
      vocab,
      xzBytes: manifest.xzBytes,
      step0: step0Of(record),
      parameters: manifest.compute.parameters,
      stoppedByClock: manifest.stoppedByClock,
      deterministic: manifest.deterministic,
    },
    runnerDigest,
    platform: platformDigest(runnerDigest, platform),
  };
}

/**
 * The first batch without its lane-first tokens: what the untrained model was charged, and for how many predictions.
 */
function step0Of({ batches, vocab }: RunRecord): Measurement['step0'] {
  const first = batches[0];
  if (first === undefined) return { microNats: 0, tokens: 0 };
  return {
    microNats: first.microNats - first.firstTokens * uniformMicroNats(vocab),
    tokens: first.rows * (first.length - 1),
  };
}

/** SHA-256 over the canonical JSON of the fingerprint: results compare exactly only where it is the same. */
function platformDigest(runnerDigest: string, platform: RunManifest['provenance']['platform']): string {
  const fingerprint = canonicalize({ runnerDigest, ...platform }) ?? '';
  return sha256Hex(Buffer.from(fingerprint));
}

const longestProblem = 1_000;

function problemOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    const places = error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    return `The referee's files have another shape: ${places.join('; ')}`.slice(0, longestProblem);
  }
  return String(error instanceof Error ? error.message : error).slice(0, longestProblem);
}
