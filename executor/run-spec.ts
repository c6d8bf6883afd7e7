import { createHmac } from 'node:crypto';
import type { Policy } from '../domain/policy/policy.ts';
import type { AttemptKey } from '../domain/run.ts';
import type { Entrypoint, ResolvedContract, RunPurpose } from '../domain/submission/events.ts';

/** `/attempt/in/spec.json` (gpu-runner/PROTOCOL.md §1). Bytes, seconds and counts. */
export type RunSpec = AttemptKey & {
  readonly schema: 'prism_run_spec.v1';
  readonly purpose: RunPurpose;
  readonly codeHash: string;
  readonly runnerDigest: string;
  readonly dataDigest: string;
  readonly tokenizersDigest: string;
  readonly seed: number;
  readonly seasonSecret: string;
  readonly streamBytes: number;
  readonly tokenizer: ResolvedContract['tokenizer'];
  readonly architecture: Entrypoint;
  readonly training: Entrypoint;
  readonly limits: SpecLimits;
  readonly device: 'cpu' | 'gpu';
  readonly worldSize: 1;
  readonly backend: 'gloo' | 'nccl';
  readonly threads: number;
};

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
> & { readonly connectSeconds: number };

/**
 * From the start of the contestant's container to its connection: torchrun and torch on a slow machine. Ours if missed.
 */
export const connectSeconds = 120;

/** What is known about the runner and its locked files; digests are lower-case hex SHA-256. */
export type RunnerFacts = {
  readonly imageId: string;
  readonly runnerDigest: string;
  /** Folders on the engine's host, and the digests of their `MANIFEST.json`. */
  readonly dataDir: string;
  readonly tokenizersDir: string;
  readonly dataDigest: string;
  readonly tokenizersDigest: string;
};

export function buildRunSpec(asked: {
  readonly key: AttemptKey;
  readonly purpose: RunPurpose;
  readonly codeHash: string;
  readonly contract: ResolvedContract;
  readonly policy: Policy;
  readonly runner: Pick<RunnerFacts, 'runnerDigest' | 'dataDigest' | 'tokenizersDigest'>;
  readonly seasonSecret: Uint8Array;
  readonly deviceClass: 'cpu' | 'gpu';
  readonly threads: number;
}): RunSpec {
  const { contract, policy, runner } = asked;
  return {
    schema: 'prism_run_spec.v1',
    ...asked.key,
    purpose: asked.purpose,
    codeHash: asked.codeHash,
    runnerDigest: runner.runnerDigest,
    dataDigest: runner.dataDigest,
    tokenizersDigest: runner.tokenizersDigest,
    seed: forcedSeed(asked.seasonSecret, asked.codeHash),
    seasonSecret: Buffer.from(asked.seasonSecret).toString('hex'),
    streamBytes: policy.streamBytes,
    tokenizer: contract.tokenizer,
    architecture: entrypointOf(contract.architecture),
    training: entrypointOf(contract.training),
    limits: specLimits(policy.limits),
    device: asked.deviceClass,
    worldSize: 1,
    backend: asked.deviceClass === 'gpu' ? 'nccl' : 'gloo',
    threads: asked.threads,
  };
}

/**
 * The forced seed, 0 … 2³¹−1: the first four bytes, big-endian, of HMAC-SHA256(season secret, "seed" NUL code hash),
 * top bit cleared. It depends on nothing that differs between attempts, so every attempt of a run is the same run.
 */
export function forcedSeed(seasonSecret: Uint8Array, codeHash: string): number {
  const mac = createHmac('sha256', seasonSecret).update(`seed\0${codeHash}`).digest();
  return mac.readUInt32BE(0) & 0x7fffffff;
}

function entrypointOf({ entrypoint, symbol }: Entrypoint): Entrypoint {
  return { entrypoint, symbol };
}

function specLimits(limits: Policy['limits']): SpecLimits {
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
    frameSeconds,
    setupSeconds,
    connectSeconds,
  };
}
