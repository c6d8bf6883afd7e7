import { z } from 'zod';
import { type Tokenizer, tokenizerClass, tokenizerClasses } from '../tokenizer.ts';

/** Gates after the contract, in the order of their application (CONTRACT §3). */
export const switchableGates = ['static', 'parameters', 'distributed', 'duplicate', 'llm'] as const;
export type SwitchableGate = (typeof switchableGates)[number];

const switchSchema = z.enum(['off', 'on']);

/** What submitted code may import beside its own modules (CONTRACT §3). */
const importRoots = [
  ...[
    '__future__',
    'abc',
    'collections',
    'contextlib',
    'copy',
    'dataclasses',
    'enum',
    'functools',
    'itertools',
    'math',
  ],
  ...['random', 'time', 'typing', 'numpy', 'torch', 'prism_challenge'],
];

/** Which scores are repeated; each mode asks for what the ones before it ask for, and more. */
export const rerunModes = ['off', 'sample', 'champions', 'paid', 'all'] as const;

/** How densely an attempt is examined: cuts per 10⁶ raw bytes, and decoy frames that a batch expects at least. */
const densitySchema = z.strictObject({
  cutsPerMegabyte: z.number().min(0).max(100_000),
  framesPerBatch: z.number().min(0).max(64),
});

const heldOutBytesSchema = z
  .int()
  .min(1_024)
  .max(2 ** 30);

const integritySchema = z.strictObject({
  run: densitySchema.default({ cutsPerMegabyte: 1_000, framesPerBatch: 0.25 }),
  rerun: densitySchema.default({ cutsPerMegabyte: 8_000, framesPerBatch: 1 }),
  /** What an honest model's last digits may move a cost by, in microNats; beyond it the test of equality objects. */
  equalityBoundMicroNats: z.int().positive().default(50_000),
  /** Standard errors above which the blind mean and the signed differences object. */
  standardErrors: z.number().min(3).max(10).default(4),
  reruns: z
    .strictObject({
      mode: z.enum(rerunModes).default('paid'),
      /** Share of all scores that is drawn by lot. */
      sample: z.number().min(0).max(1).default(0.2),
      /** Only a code shorter than this counts as worth paying for; null: than the referee's own predictor needs. */
      baselineBpb: z.number().positive().nullable().default(null),
      /** Whether a score waits for its rerun, or is published unconfirmed and corrected. */
      beforePublication: z.boolean().default(true),
    })
    .prefault({}),
  /**
   * Shares of rows that are scored, where it isn't all; the same for everybody with that class of tokenizers and of devices. Declared ones
   * have one share whatever their vocabulary, which their miners choose: it is set for the largest.
   */
  scoredRows: z
    .array(
      z.strictObject({
        tokenizer: z.enum(tokenizerClasses),
        deviceClass: z.enum(['cpu', 'gpu']),
        fraction: z.number().gt(0).max(1),
      }),
    )
    .default([]),
});

/** How a run's exported state is measured on text that its contestant never saw. */
const heldOutSchema = z.strictObject({
  /** Whether a score waits for it. */
  mode: z.enum(['off', 'on']).default('on'),
  /** Raw bytes that are asked about: of the val split, and of what the run has released. */
  valBytes: heldOutBytesSchema.default(65_536),
  trainBytes: heldOutBytesSchema.default(65_536),
  /** Tokens that the second contestant is asked blind, at least; fewer of a very slow model (`heldOutEffort`). */
  cuts: z
    .int()
    .min(1)
    .max(2 ** 20)
    .default(4_096),
  /** Of the documents, for the standard errors. */
  resamples: z.int().min(2).max(100_000).default(1_000),
  /** Seconds that each contestant has to answer, once it holds the state; more for a slow model. */
  budgetSeconds: z.int().positive().default(600),
});

/** Everything that may change without a release. Bytes, seconds and counts are integers; defaults are CONTRACT §2's. */
export const policySchema = z.strictObject({
  /** Raw UTF-8 bytes of the stream that a scored run is measured over. */
  streamBytes: z.int().min(4_096).default(100_000_000),
  /** `declared`: files of bundles. `llama` is offered where the deployment has a model file for it. */
  tokenizers: z.array(z.enum(tokenizerClasses)).min(1).default(['bytes', 'gpt2', 'declared']),
  /** Device classes whose scores count; boards and weights never mix them. */
  deviceClasses: z
    .array(z.enum(['cpu', 'gpu']))
    .min(1)
    .default(['gpu']),
  limits: z
    .strictObject({
      maxParameters: z.int().positive().default(150_000_000),
      maxSeqLen: z.int().min(16).max(512).default(512),
      defaultSeqLen: z.int().min(16).max(512).default(128),
      maxLayers: z.int().positive().default(96),
      maxBatchTokens: z.int().positive().default(65_536),
      budgetSeconds: z.int().positive().default(1_200),
      graceSeconds: z.int().positive().default(120),
      timeoutSeconds: z.int().positive().default(1_800),
      /** For answering one frame: CPU time of the contestant, and a wide limit of wall-clock time for one that sleeps. */
      frameCpuSeconds: z.int().positive().default(120),
      frameSeconds: z.int().positive().default(480),
      setupSeconds: z.int().positive().default(300),
      memoryBytes: z
        .int()
        .positive()
        .default(8 * 2 ** 30),
      pids: z.int().positive().default(512),
      artifactsBytes: z
        .int()
        .positive()
        .default(2 * 2 ** 30),
      /** Of a bundle in canonical form, compressed by xz (CONTRACT §4); null: no cap. */
      bundleXzBytes: z.int().positive().nullable().default(131_072),
      outputBytes: z
        .int()
        .positive()
        .default(4 * 2 ** 20),
    })
    .refine(({ defaultSeqLen, maxSeqLen }) => defaultSeqLen <= maxSeqLen, 'defaultSeqLen exceeds maxSeqLen')
    .refine(
      ({ budgetSeconds, graceSeconds, timeoutSeconds }) => budgetSeconds + graceSeconds <= timeoutSeconds,
      'timeoutSeconds must hold budgetSeconds and graceSeconds',
    )
    .prefault({}),
  /** Attempts a run, for our faults only. */
  attemptsPerRun: z.int().min(1).max(10).default(3),
  gates: z
    .strictObject({
      static: switchSchema.default('on'),
      parameters: switchSchema.default('on'),
      /** `flag` lets a bundle pass that lacks a primitive of the multi-GPU contract, and records which. */
      distributed: z.enum(['reject', 'flag', 'off']).default('reject'),
      duplicate: switchSchema.default('on'),
      llm: switchSchema.default('off'),
    })
    .prefault({}),
  /** What the parameters gate gives a model to be built and asked once, counted from the import of submitted code. */
  instantiation: z
    .strictObject({
      cpuSeconds: z.int().min(1).max(600).default(30),
      /** Not more than a run has, whatever it says. */
      memoryBytes: z
        .int()
        .positive()
        .default(8 * 2 ** 30),
    })
    .prefault({}),
  staticRules: z
    .strictObject({
      /** First parts of module names. */
      importRoots: z.array(z.string().regex(/^[A-Za-z_]\w*$/)).default(importRoots),
      /** Ids of rules that find nothing. */
      off: z.array(z.string().startsWith('prism:')).default([]),
    })
    .prefault({}),
  /** Shares of shingles in common, 0 … 1, from which a work is a copy, or worth an operator's look. */
  duplicates: z
    .strictObject({
      copyAt: z.number().gt(0).max(1).default(0.96),
      candidateAt: z.number().gt(0).max(1).default(0.65),
    })
    .refine(({ copyAt, candidateAt }) => candidateAt <= copyAt, 'candidateAt exceeds copyAt')
    .prefault({}),
  scoring: z
    .strictObject({
      /** Share of the bundle's own xz bits that is charged: 1, or 0 for the formula of existing deployments. */
      sourceCharge: z.number().min(0).max(1).default(1),
      /** Bits of held-out delta at which the tie-break reaches three quarters of its cap. */
      tieBreakScale: z.number().positive().default(4),
      /** Bits a byte by which val may cost more than train before the score is halved. */
      largestGapBpb: z.number().positive().default(1),
    })
    .prefault({}),
  heldOut: heldOutSchema.prefault({}),
  /** Whether a score run reports what of its model doesn't depend on the seed: a hint for reviewers, never scored. */
  seedAudit: z.enum(['off', 'on']).default('on'),
  integrity: integritySchema.prefault({}),
  holdSeconds: z.int().positive().default(86_400),
  epochSeconds: z.int().positive().default(21_600),
  weights: z
    .strictObject({
      rule: z.enum(['best_per_hotkey']).default('best_per_hotkey'),
      /** Whose epoch `get_weights` answers with. Closing of epochs comes later; until then only `current`. */
      weightsEpoch: z.enum(['current']).default('current'),
    })
    .prefault({}),
});

export type Policy = z.infer<typeof policySchema>;
/** A policy as an operator writes it: what is left out takes its default. */
export type PolicyDraft = z.input<typeof policySchema>;
/** A policy with the version under which the log knows it. */
export type ActivePolicy = { readonly version: number; readonly policy: Policy };

/** Share of a batch's rows that is scored. */
export function scoredRowFraction({ integrity }: Policy, tokenizer: Tokenizer, deviceClass: 'cpu' | 'gpu'): number {
  const found = integrity.scoredRows.find(
    (entry) => entry.tokenizer === tokenizerClass(tokenizer) && entry.deviceClass === deviceClass,
  );
  return found?.fraction ?? 1;
}
