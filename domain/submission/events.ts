import { z } from 'zod';
import type { Examination } from '../integrity/examination.ts';
import { rerunVerdicts } from '../integrity/rerun.ts';
import type { EarlierAttempt } from '../integrity/retry.ts';
import { heldOutKinds, heldOutMeasurementSchema } from '../scoring/held-out.ts';
import { tokenizerSchema } from '../tokenizer.ts';
import { blobReferenceSchema, countSchema, digestSchema, instantSchema, policyVersionSchema } from '../values.ts';

export const gateNames = ['contract', 'static', 'parameters', 'distributed', 'duplicate', 'llm'] as const;
export type GateName = (typeof gateNames)[number];

export const runPurposes = ['score', 'heldOut', 'rerun', 'replicate', 'quorum'] as const;
export type RunPurpose = (typeof runPurposes)[number];

/** Why an attempt ended on the contestant's side. */
export const failureVerdicts = [
  'contract',
  'exception',
  'parameterCap',
  'nan',
  'causality',
  'timeout',
  'memory',
  'output',
  'pids',
] as const;
export type FailureVerdict = (typeof failureVerdicts)[number];

export const holdSources = [
  'llm',
  'duplicate',
  'integrity',
  'attribution',
  'validatorDisagreement',
  'audit',
  'operator',
] as const;
export type HoldSource = (typeof holdSources)[number];

/** Why a submission was rejected; the closed list that miners and programs may rely on. */
export const rejectionReasons = ['gateFailed', 'holdRejected', 'holdExpired', 'attribution', 'withdrawn'] as const;
export type RejectionReason = (typeof rejectionReasons)[number];

/** Why a submission failed: the contestant's verdict, or that our own attempts ran out. */
export const failureReasons = [...failureVerdicts, 'attemptsExhausted', 'unscorable'] as const;
export type FailureReason = (typeof failureReasons)[number];

/** Bounds, in UTF-16 units and counts, of what comes from outside; `decide` cuts to them. */
export const textLimit = 4_096;
export const explanationLimit = 2_000;
export const findingsLimit = 100;
/** Keys of one sketch. */
export const sketchKeysLimit = 2_048;

const gateSchema = z.enum(gateNames);

/** One thing a gate saw. Public: rule and place; evidence and excerpts stay out of the log. Lines and columns from 1. */
export const findingSchema = z.strictObject({
  rule: z.string(),
  path: z.string().nullable(),
  line: countSchema.nullable(),
  column: countSchema.nullable(),
  /** Class of the node in Python's syntax tree, and SHA-256 of its source text, where a finding is about one. */
  node: z.string().nullable(),
  excerptHash: digestSchema.nullable(),
  explanation: z.string().max(explanationLimit),
});
export type Finding = z.infer<typeof findingSchema>;

/** Why a reviewer's answer left a submission to an operator. */
export const reviewDoubts = ['suspicious', 'ambiguous', 'contradictory', 'unparseable'] as const;
export type ReviewDoubt = (typeof reviewDoubts)[number];

/** What a language model was asked about a bundle, and what its answers came to. */
export const reviewSchema = z.strictObject({
  gateVersion: z.string(),
  model: z.string(),
  promptVersion: z.string(),
  verdict: z.enum(['passed', 'failed', 'held']),
  /** Empty unless the verdict is `held`. */
  doubts: z.array(z.enum(reviewDoubts)),
  /** Requests that were answered. */
  requests: countSchema,
  /** Every prompt and every reply, word for word. Holds the source: never public. */
  transcript: blobReferenceSchema,
});
export type Review = z.infer<typeof reviewSchema>;

/** What an index of sources finds a work by: hashes of parts of its code, none of which gives the code away. */
export const sketchSchema = z.strictObject({
  /** Keys and sets of different versions can't be compared. */
  sketchVersion: z.string(),
  keys: z.array(z.string().regex(/^[0-9a-f]{12}$/)).max(sketchKeysLimit),
  /** The sets of shingles that works are compared by. */
  shingles: blobReferenceSchema,
});
export type Sketch = z.infer<typeof sketchSchema>;

/** How alike two works are in what the asking one claims. Shares are rounded to 1e-4. */
export const likenessSchema = z.strictObject({
  submissionId: z.string(),
  /** Whether the other work was received earlier or later. */
  received: z.enum(['earlier', 'later']),
  compared: z.enum(['whole', 'architecture', 'training']),
  /** The canonical source is the same. */
  exact: z.boolean(),
  /** Shingles in common over those of both. */
  similarity: z.number().min(0).max(1),
  /** Share of the earlier work's shingles that the later one has too. */
  contained: z.number().min(0).max(1),
});
export type Likeness = z.infer<typeof likenessSchema>;

/** Another hotkey's work whose untrained model answers the same. */
export const behavingAlikeSchema = likenessSchema.pick({ submissionId: true, received: true });
export type BehavingAlike = z.infer<typeof behavingAlikeSchema>;

/** What a work was compared with, and what that came to. */
export const comparisonSchema = z.strictObject({
  gateVersion: z.string(),
  sketchVersion: z.string(),
  /** Digest over the shipped examples, whose code is nobody's. */
  examples: digestSchema,
  /** Position in the log that the index was read at. */
  asOfPosition: countSchema,
  /** Works that were compared by their whole sets. */
  compared: countSchema,
  verdict: z.enum(['passed', 'failed', 'held']),
  /** The most alike, where they are alike enough to be worth mentioning. */
  likenesses: z.array(likenessSchema),
  /** Works that were received later, judged before, and are copies of this one. */
  copies: z.array(likenessSchema),
  /** A hint, and never a reason to reject. */
  behavingAlike: z.array(behavingAlikeSchema),
});
export type Comparison = z.infer<typeof comparisonSchema>;

const entrypointSchema = z.strictObject({ entrypoint: z.string(), symbol: z.string() });
const roleSchema = z.strictObject({
  entrypoint: z.string(),
  symbol: z.string(),
  /** Files counted into the fingerprint: entrypoint, declared files and the closure of bundle modules they import; sorted. */
  files: z.array(z.string()),
  fingerprint: digestSchema,
});

/** What the bundle says it is, resolved against the contract (CONTRACT §1). */
export const resolvedContractSchema = z.strictObject({
  kind: z.enum(['full', 'architecture_only', 'training_for_arch']),
  architectureId: z.string().nullable(),
  name: z.string().nullable(),
  tokenizer: tokenizerSchema,
  architecture: roleSchema,
  training: roleSchema,
});
export type ResolvedContract = z.infer<typeof resolvedContractSchema>;
export type Entrypoint = z.infer<typeof entrypointSchema>;

const attemptKey = { run: z.string(), attempt: z.int().positive(), fencingToken: z.int().positive() };

/** Raw measurements of a completed attempt, from the referee's record and manifest. Costs in integer microNats. */
export const measurementSchema = z.strictObject({
  /** All that is charged; where a sample of rows was scored, the estimate for all rows. */
  microNats: countSchema,
  /** Of that estimate; 0 where every row was scored. */
  standardErrorMicroNats: countSchema,
  /** What the referee's own predictor would have been charged for the same positions; null where none was asked. */
  baselineMicroNats: countSchema.nullable(),
  coveredBytes: countSchema,
  uncoveredBytes: countSchema,
  streamBytes: z.int().positive(),
  predictedTokens: countSchema,
  vocab: z.int().positive(),
  xzBytes: z.int().positive(),
  /** The first true frame: its cost and how many tokens it predicted. */
  step0: z.strictObject({ microNats: countSchema, tokens: countSchema }),
  batches: countSchema,
  /** The most raw bytes that a batch brought for each of its rows, rounded up. */
  longestRowBytes: countSchema,
  /** Wall-clock seconds of contestant and referee together; a safety cap's measure, never part of a score. Null where unknown. */
  seconds: z.number().nonnegative().nullable(),
  parameters: countSchema,
  stoppedByClock: z.boolean(),
  deterministic: z.boolean(),
});
export type Measurement = z.infer<typeof measurementSchema>;

/** What the cuts of an attempt say about its record (domain/integrity/examination.ts). */
export const examinationSchema = z.strictObject({
  /** Of the arithmetic; raised whenever the same documents may give another number. */
  version: z.int().positive(),
  frames: countSchema,
  cuts: countSchema,
  exceedingCuts: countSchema,
  largestMicroNats: countSchema,
  blind: z
    .strictObject({
      bitsPerByte: z.number(),
      standardErrorBpb: z.number().nonnegative(),
      excessBpb: z.number(),
      excessStandardErrors: z.number(),
    })
    .nullable(),
  signed: z
    .strictObject({
      meanMicroNats: z.number(),
      standardErrorMicroNats: z.number().positive(),
      standardErrors: z.number(),
    })
    .nullable(),
  undetectedBpb: z.number().nonnegative().nullable(),
  rerun: z
    .strictObject({
      verdict: z.enum(rerunVerdicts),
      groupsCompared: countSchema,
      groupsEqual: countSchema,
      firstDifferingGroup: countSchema.nullable(),
    })
    .nullable(),
}) satisfies z.ZodType<Examination>;

const earlierAttemptSchema = z.strictObject({
  attempt: z.int().positive(),
  groupsCompared: countSchema,
  groupsEqual: countSchema,
  firstDifferingGroup: countSchema.nullable(),
}) satisfies z.ZodType<EarlierAttempt>;

/**
 * The keys that an attempt was examined by, hex: of its cuts, and of the choice of scored rows where there was one. They
 * stand in the event that ends a run and nowhere before.
 */
export const keysSchema = z.strictObject({ cuts: digestSchema, rows: digestSchema.nullable() });
export type RevealedKeys = z.infer<typeof keysSchema>;

/**
 * What of a newly built model doesn't depend on the seed, beyond what a formula gives: elements, and the bytes that they take. A claim of
 * the contestant, and a hint for reviewers.
 */
export const seedAuditSchema = z.strictObject({
  elements: countSchema,
  invariantElements: countSchema,
  informationBytes: countSchema,
});
export type SeedAudit = z.infer<typeof seedAuditSchema>;

/** What reruns have said of a score; without one it is unconfirmed. */
export const confirmations = ['unconfirmed', ...rerunVerdicts] as const;
export type Confirmation = (typeof confirmations)[number];

/** A score and the parts it was made of; each is recomputable from the measurements and a policy (CONTRACT §4). */
export const scoreSchema = z.strictObject({
  /** As claimed, and its standard error: 0 where every row was scored. */
  bitsPerByte: z.number(),
  standardErrorBpb: z.number(),
  /** What the model pays blind, as its cuts estimate it; null where there were too few, or none. */
  blindBpb: z.number().nullable(),
  blindStandardErrorBpb: z.number().nullable(),
  confirmation: z.enum(confirmations),
  /** What counts: the claim where it is confirmed, else the larger of claim and blind estimate with two standard errors. */
  countedBpb: z.number(),
  /** Largest advantage in bits a byte that may have gone unseen with a probability of 5 %; null where nothing bounds it. */
  undetectedBpb: z.number().nullable(),
  /** What the referee's own predictor needs for the same positions; null where it wasn't asked. */
  baselineBpb: z.number().nullable(),
  sourceBpb: z.number(),
  chargedBpb: z.number(),
  base: z.number(),
  /** What became of the held-out measure; the numbers are null where nothing was measured (domain/scoring/held-out.ts). */
  heldOut: z.enum(heldOutKinds),
  heldOutBpb: z.number().nullable(),
  deltaBpb: z.number().nullable(),
  deltaStandardErrorBpb: z.number().nullable(),
  gapBpb: z.number().nullable(),
  gapStandardErrorBpb: z.number().nullable(),
  penalty: z.number(),
  tieBreak: z.number(),
  multiplier: z.number(),
  finalScore: z.number(),
  /** More than 64 bits a byte: published, and marked. */
  implausible: z.boolean(),
});
export type Score = z.infer<typeof scoreSchema>;
export const scoreParts = scoreSchema.keyof().options;

const dataSchemas = {
  SubmissionReceived: z.strictObject({
    submissionId: z.string(),
    hotkey: z.string(),
    filename: z.string(),
    /** SHA-256 over the bundle in canonical form. */
    codeHash: digestSchema,
    /** The archive as it came in. */
    bundle: blobReferenceSchema,
    files: countSchema,
    contentBytes: countSchema,
    /** The miner's own JSON: stored, never trusted. */
    metadata: blobReferenceSchema.nullable(),
    route: z.enum(['bridge', 'public', 'local']),
    receivedAt: instantSchema,
    epoch: countSchema,
    policyVersion: policyVersionSchema,
  }),
  ContractResolved: z.strictObject({
    contract: resolvedContractSchema,
    gateVersion: z.string(),
    policyVersion: policyVersionSchema,
  }),
  GatePassed: z.strictObject({
    gate: gateSchema,
    gateVersion: z.string(),
    /** What a gate saw that policy only flags. */
    findings: z.array(findingSchema).max(findingsLimit),
    evidence: blobReferenceSchema.nullable(),
    /** Of the parameters gate alone: digest of what the model, built under a public seed, answers to public tokens. A claim. */
    behaviour: digestSchema.nullable(),
    policyVersion: policyVersionSchema,
  }),
  GateFailed: z.strictObject({
    gate: gateSchema,
    gateVersion: z.string(),
    findings: z.array(findingSchema).min(1).max(findingsLimit),
    evidence: blobReferenceSchema.nullable(),
    policyVersion: policyVersionSchema,
  }),
  SourceSketched: sketchSchema.extend({ policyVersion: policyVersionSchema }),
  SourceCompared: comparisonSchema.extend({ policyVersion: policyVersionSchema }),
  SubmissionReviewed: reviewSchema.extend({ policyVersion: policyVersionSchema }),
  GateSkipped: z.strictObject({ gate: gateSchema, reason: z.string(), policyVersion: policyVersionSchema }),
  GateDeferred: z.strictObject({
    gate: gateSchema,
    reason: z.string(),
    deferral: z.int().positive(),
    retryAt: instantSchema,
    policyVersion: policyVersionSchema,
  }),
  SubmissionRejected: z.strictObject({
    reason: z.enum(rejectionReasons),
    gate: gateSchema.nullable(),
    message: z.string(),
  }),
  RunRequested: z.strictObject({
    run: z.string(),
    purpose: z.enum(runPurposes),
    /** The policy rule that asked for it, and what it compared, so that a replay sees why. */
    rule: z.string(),
    comparedScore: z.number().nullable(),
    asOfPosition: countSchema.nullable(),
    policyVersion: policyVersionSchema,
  }),
  AttemptStarted: z.strictObject({
    ...attemptKey,
    /** The slot's stream: its tokens are its own. */
    slot: z.string(),
    executor: z.string(),
    device: z.string(),
    deviceClass: z.enum(['cpu', 'gpu']),
    deadlineAt: instantSchema,
  }),
  AttemptCompleted: z.strictObject({
    ...attemptKey,
    record: blobReferenceSchema,
    cuts: blobReferenceSchema.nullable(),
    manifest: blobReferenceSchema,
    measurement: measurementSchema,
    examination: examinationSchema.nullable(),
    /** Attempts of this run that ended by our fault on this platform, and whether they had answered alike. */
    earlierAttempts: z.array(earlierAttemptSchema).readonly(),
    keys: keysSchema.nullable(),
    /** What the model held at the end (safetensors), where policy has it measured. */
    state: blobReferenceSchema.nullable(),
    seedAudit: seedAuditSchema.nullable(),
    runnerDigest: z.string(),
    /** Digest of the platform fingerprint: results compare exactly only inside one. */
    platform: digestSchema,
  }),
  /** An attempt of a held-out run that came to an end. Nothing of what its contestants said is in it. */
  HeldOutMeasured: z.strictObject({
    ...attemptKey,
    /** The referee's document. */
    result: blobReferenceSchema,
    measurement: heldOutMeasurementSchema,
    runnerDigest: z.string(),
    platform: digestSchema,
  }),
  AttemptFailed: z.strictObject({
    ...attemptKey,
    verdict: z.enum(failureVerdicts),
    /** Where and what, as far as known. Claims of the contestant: shown, never acted on. */
    where: z.string().max(textLimit).nullable(),
    message: z.string().max(textLimit),
    log: blobReferenceSchema.nullable(),
    manifest: blobReferenceSchema.nullable(),
    /** Evidence, where the verdict rests on cuts. */
    cuts: blobReferenceSchema.nullable(),
    keys: keysSchema.nullable(),
  }),
  AttemptAborted: z.strictObject({
    ...attemptKey,
    reason: z.string(),
    message: z.string().max(textLimit),
    log: blobReferenceSchema.nullable(),
    /** Hashes of the logits that the contestant had given until then (PROTOCOL.md §3). */
    commitments: blobReferenceSchema.nullable(),
    /** Whether it uses up one of the attempts that policy allows: not where the slot was closed for it. */
    countsAgainstRun: z.boolean(),
  }),
  AttemptCancelled: z.strictObject({ ...attemptKey, operator: z.string(), reason: z.string() }),
  RunConcluded: z.strictObject({
    run: z.string(),
    conclusion: z.enum(['measured', 'failed', 'exhausted']),
    /** Of a rerun, unless it ended on ours. */
    verdict: z.enum(rerunVerdicts).nullable(),
  }),
  ScoreComputed: z.strictObject({ run: z.string(), score: scoreSchema, policyVersion: policyVersionSchema }),
  AttributionDecided: z.strictObject({
    decision: z.enum(['none', 'accept', 'reject']),
    reason: z.string(),
    policyVersion: policyVersionSchema,
  }),
  SubmissionCompleted: z.strictObject({ finalScore: z.number(), deviceClass: z.enum(['cpu', 'gpu']) }),
  SubmissionFailed: z.strictObject({
    reason: z.enum(failureReasons),
    run: z.string().nullable(),
    attempt: z.int().positive().nullable(),
    where: z.string().max(textLimit).nullable(),
    message: z.string().max(textLimit),
  }),
  /** An earlier work was found of which this one, judged before it, is a copy. A hold follows once no other one is in force. */
  OriginalFound: z.strictObject({
    /** The earlier submission. */
    original: z.string(),
    ...likenessSchema.pick({ exact: true, similarity: true }).shape,
    /** How long an operator has from when the hold is placed. */
    holdSeconds: z.int().positive(),
  }),
  SubmissionHeld: z.strictObject({
    holdId: z.string(),
    source: z.enum(holdSources),
    reason: z.string(),
    operator: z.string().nullable(),
    expiresAt: instantSchema,
    /** The earlier submission, found after this one was judged, of which this one is a copy; null for any other hold. */
    copyOf: z.string().nullable(),
  }),
  HoldResolved: z.strictObject({
    holdId: z.string(),
    resolution: z.enum(['release', 'reject']),
    operator: z.string(),
    reason: z.string(),
  }),
  HoldExpired: z.strictObject({ holdId: z.string() }),
  SubmissionWithdrawn: z.strictObject({ hotkey: z.string() }),
  ScoreVoided: z.strictObject({ operator: z.string(), reason: z.string() }),
  ScoreRecomputed: z.strictObject({
    run: z.string(),
    score: scoreSchema,
    reason: z.string(),
    policyVersion: policyVersionSchema,
  }),
};

export type SubmissionEventType = keyof typeof dataSchemas;
export type SubmissionEvent = {
  [Type in SubmissionEventType]: { readonly type: Type; readonly data: z.infer<(typeof dataSchemas)[Type]> };
}[SubmissionEventType];
export type SubmissionEventData<Type extends SubmissionEventType> = z.infer<(typeof dataSchemas)[Type]>;

/** Schemas of the newest version of every submission event, by type. */
export const submissionEventSchemas = dataSchemas;

export const submissionStreamPrefix = 'submission-';
export function submissionStream(submissionId: string): string {
  return `${submissionStreamPrefix}${submissionId}`;
}
