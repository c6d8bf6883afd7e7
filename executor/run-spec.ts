import { createHmac } from 'node:crypto';
import type { Density } from '../domain/integrity/placement.ts';
import { type Policy, scoredRowFraction } from '../domain/policy/policy.ts';
import type { AttemptKey } from '../domain/run.ts';
import type { HeldOutSide } from '../domain/scoring/held-out.ts';
import type { Entrypoint, ResolvedContract, RunPurpose } from '../domain/submission/events.ts';
import type { Tokenizer } from '../domain/tokenizer.ts';
import { cutKeyOf, rowKeyOf } from './cut-keys.ts';
import { torchDevice } from './gpu-request.ts';

/** `/attempt/in/spec.json` (gpu-runner/PROTOCOL.md §1). Bytes, seconds and counts. */
export type RunSpec = AttemptKey & {
  readonly schema: 'prism_run_spec.v2';
  readonly purpose: RunPurpose;
  readonly codeHash: string;
  readonly runnerDigest: string;
  readonly dataDigest: string;
  readonly tokenizersDigest: string;
  readonly seed: number;
  readonly seasonSecret: string;
  readonly streamBytes: number;
  readonly tokenizer: Tokenizer;
  readonly architecture: Entrypoint;
  readonly training: Entrypoint;
  readonly limits: SpecLimits;
  /** How the attempt is examined. The key is hex; only the referee sees it. */
  readonly decoys: Density & { readonly cutKey: string; readonly equalityBoundMicroNats: number };
  /** Which rows are scored where the fraction is below 1; the key is hex. */
  readonly rows: { readonly key: string; readonly fraction: number };
  /** Whether the last model's state is handed over, and whether what doesn't depend on the seed is reported. */
  readonly exportState: boolean;
  readonly seedAudit: boolean;
  readonly device: 'cpu' | 'cuda';
  readonly worldSize: 1;
  readonly backend: 'gloo' | 'nccl';
  readonly threads: number;
};

/** What a held-out run asks (PROTOCOL.md §9). Bytes and counts. */
export type HeldOutSpec = {
  readonly side: HeldOutSide;
  /** B and T of the frames, and the tokens that ctx speaks of: those of the run. */
  readonly batchSize: number;
  readonly seqLen: number;
  readonly tokenBudget: number;
  readonly bytes: number;
  /** Train side: byte ranges of the stream that the run has released. */
  readonly released: readonly (readonly [number, number])[];
  readonly stateDigest: string;
  /** Hex; only the referee sees it. */
  readonly cutKey: string;
  readonly cuts: number;
  readonly equalityBoundMicroNats: number;
  readonly resamples: number;
};
export type HeldOutRunSpec = RunSpec & { readonly heldOut: HeldOutSpec };

type SpecLimits = Pick<
  Policy['limits'],
  | 'maxParameters'
  | 'maxSeqLen'
  | 'defaultSeqLen'
  | 'maxLayers'
  | 'maxBatchTokens'
  | 'budgetSeconds'
  | 'graceSeconds'
  | 'frameSeconds'
  | 'setupSeconds'
> & {
  readonly connectSeconds: number;
  /** What `ctx.budget_seconds` says: the same in a run and its reruns, whatever time they have. */
  readonly shownBudgetSeconds: number;
  /** Of an exported state. */
  readonly maxStateBytes: number;
};

/**
 * From the start of the contestant's container to its connection: torchrun and torch on a slow machine. Ours if missed.
 */
export const connectSeconds = 120;

/** The referee's own deadline of a frame lies so much behind ours: we can tell whose fault it is, and it can't. */
const frameSpareSeconds = 30;

/** What is known about the runner and its locked files; digests are lower-case hex SHA-256. */
export type RunnerFacts = {
  readonly imageId: string;
  readonly runnerDigest: string;
  /** Folders on the engine's host, and the digests of their `MANIFEST.json`. */
  readonly dataDir: string;
  readonly valDir: string;
  readonly tokenizersDir: string;
  readonly dataDigest: string;
  readonly valDigest: string;
  readonly tokenizersDigest: string;
};

export function buildRunSpec(asked: {
  readonly key: AttemptKey;
  readonly purpose: RunPurpose;
  readonly codeHash: string;
  readonly contract: ResolvedContract;
  readonly policy: Policy;
  /** Policy's, or a rerun's own. */
  readonly limits: Policy['limits'];
  readonly density: Density;
  readonly runner: Pick<RunnerFacts, 'runnerDigest' | 'dataDigest' | 'tokenizersDigest'>;
  readonly seasonSecret: Uint8Array;
  readonly cutSecret: Uint8Array;
  readonly deviceClass: 'cpu' | 'gpu';
  readonly threads: number;
}): RunSpec {
  const { key, contract, policy, runner, cutSecret, deviceClass } = asked;
  return {
    schema: 'prism_run_spec.v2',
    ...key,
    purpose: asked.purpose,
    codeHash: asked.codeHash,
    runnerDigest: runner.runnerDigest,
    dataDigest: runner.dataDigest,
    tokenizersDigest: runner.tokenizersDigest,
    seed: forcedSeed(asked.seasonSecret, asked.codeHash),
    seasonSecret: hex(asked.seasonSecret),
    streamBytes: policy.streamBytes,
    tokenizer: contract.tokenizer,
    architecture: entrypointOf(contract.architecture),
    training: entrypointOf(contract.training),
    limits: {
      ...specLimits(asked.limits),
      shownBudgetSeconds: policy.limits.budgetSeconds,
      maxStateBytes: maxStateBytes(policy),
    },
    decoys: {
      ...asked.density,
      cutKey: hex(cutKeyOf(cutSecret, key.submissionId, key.run)),
      equalityBoundMicroNats: policy.integrity.equalityBoundMicroNats,
    },
    rows: {
      key: hex(rowKeyOf(cutSecret, key.submissionId)),
      fraction: scoredRowFraction(policy, contract.tokenizer, deviceClass),
    },
    ...handedOver(asked.purpose, policy),
    device: torchDevice(deviceClass),
    worldSize: 1,
    backend: deviceClass === 'gpu' ? 'nccl' : 'gloo',
    threads: asked.threads,
  };
}

/** The same in a run and its reruns, which nothing tells apart but their cuts. */
function handedOver(purpose: RunPurpose, { heldOut, seedAudit }: Policy): Pick<RunSpec, 'exportState' | 'seedAudit'> {
  const isTraining = purpose !== 'heldOut';
  return { exportState: isTraining && heldOut.mode === 'on', seedAudit: isTraining && seedAudit === 'on' };
}

/** Every parameter and buffer in float32, a tenth more, and room for the header. */
export function maxStateBytes({ limits }: Pick<Policy, 'limits'>): number {
  return Math.floor((limits.maxParameters * 44) / 10) + 2 ** 20;
}

/**
 * The forced seed, 0 … 2³¹−1: the first four bytes, big-endian, of HMAC-SHA256(season secret, "seed" NUL code hash),
 * top bit cleared. It depends on nothing that differs between attempts, so every attempt of a run is the same run.
 */
export function forcedSeed(seasonSecret: Uint8Array, codeHash: string): number {
  const mac = createHmac('sha256', seasonSecret).update(`seed\0${codeHash}`).digest();
  return mac.readUInt32BE(0) & 0x7fffffff;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function entrypointOf({ entrypoint, symbol }: Entrypoint): Entrypoint {
  return { entrypoint, symbol };
}

function specLimits(limits: Policy['limits']): Omit<SpecLimits, 'shownBudgetSeconds' | 'maxStateBytes'> {
  const { maxParameters, maxSeqLen, defaultSeqLen, maxLayers, maxBatchTokens } = limits;
  const { budgetSeconds, graceSeconds, frameSeconds, setupSeconds } = limits;
  return {
    maxParameters,
    maxSeqLen,
    defaultSeqLen,
    maxLayers,
    maxBatchTokens,
    budgetSeconds,
    graceSeconds,
    frameSeconds: frameSeconds + frameSpareSeconds,
    setupSeconds,
    connectSeconds,
  };
}
