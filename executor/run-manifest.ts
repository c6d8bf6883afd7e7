import { z } from 'zod';
import { countSchema, digestSchema } from '../domain/values.ts';
import { InvalidFileError, readJson } from './read-json.ts';

export const manifestLimitBytes = 2 ** 20;

const claimSchema = z.string().max(8_192).nullable();
const secondsSchema = z.number().nonnegative();

export const platformSchema = z.strictObject({
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
    verdict: z.enum(['contract', 'exception', 'parameterCap', 'nan', 'causality', 'timeout']),
    where: claimSchema,
    message: claimSchema,
  }),
  z.strictObject({ kind: z.literal('lost'), phase: z.string().max(8_192), message: z.string().max(8_192) }),
  z.strictObject({ kind: z.literal('fault'), message: z.string().max(65_536) }),
]);

/** Cuts read so far, those above the bound of equality, and the worst of all. */
const causalitySchema = z.strictObject({
  cuts: countSchema,
  exceeding: countSchema,
  worst: z
    .strictObject({
      batch: countSchema,
      row: countSchema,
      cut: countSchema,
      position: countSchema,
      decoyMicroNats: countSchema,
      trueMicroNats: countSchema,
    })
    .nullable(),
});

/** Plain sums over the cuts; the test is computed from record and cuts in `domain/integrity`. */
const blindMeanSchema = z.strictObject({
  frames: countSchema,
  cuts: countSchema,
  blindMicroNats: countSchema,
  claimedMicroNats: countSchema,
  baselineMicroNats: countSchema,
});

/** What a held-out run needs of the run whose state it measures (PROTOCOL.md). */
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
  cutsDigest: digestSchema.nullable(),
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
    causality: causalitySchema.nullable(),
    blind_mean: blindMeanSchema.nullable(),
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

/** Throws `InvalidFileError` or a `ZodError`. */
export function parseManifest(bytes: Uint8Array): RunManifest {
  if (bytes.byteLength > manifestLimitBytes) throw new InvalidFileError(`The manifest has ${bytes.byteLength} bytes.`);
  return manifestSchema.parse(readJson(bytes, 'manifest'));
}
