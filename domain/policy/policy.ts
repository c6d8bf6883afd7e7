import { z } from 'zod';
import { type Tokenizer, tokenizerClass, tokenizerClasses } from '../tokenizer.ts';

/** Gates after the contract, in the order of their application (CONTRACT §3). */
export const switchableGates = ['static', 'parameters', 'distributed', 'duplicate', 'llm'] as const;
export type SwitchableGate = (typeof switchableGates)[number];

/** A gate that isn't built yet can only be off; building one adds `on` to its switch. */
const switchSchema = z.literal('off');

/** Which scores are repeated; each mode asks for what the ones before it ask for, and more. */
export const rerunModes = ['off', 'sample', 'champions', 'paid', 'all'] as const;

/** How densely an attempt is examined: cuts per 10⁶ raw bytes, and decoy frames that a batch expects at least. */
const densitySchema = z.strictObject({
  cutsPerMegabyte: z.number().min(0).max(100_000),
  framesPerBatch: z.number().min(0).max(64),
});

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
      static: switchSchema.default('off'),
      parameters: switchSchema.default('off'),
      distributed: switchSchema.default('off'),
      duplicate: switchSchema.default('off'),
      llm: switchSchema.default('off'),
    })
    .prefault({}),
  scoring: z
    .strictObject({
      /** Share of the bundle's own xz bits that is charged: 1, or 0 for the formula of existing deployments. */
      sourceCharge: z.number().min(0).max(1).default(1),
    })
    .prefault({}),
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
