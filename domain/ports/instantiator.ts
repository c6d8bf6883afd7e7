import type { Policy } from '../policy/policy.ts';
import type { ResolvedContract } from '../submission/events.ts';

/** A submission whose model is to be built once. */
export type InstantiationRequest = {
  readonly submissionId: string;
  readonly codeHash: string;
  readonly contract: ResolvedContract;
  /** In canonical form. */
  readonly bundle: Uint8Array;
};

/** One random batch, asked three times. Differences are the largest in a token's cost; seconds are a forward's by the wall clock. */
export type ModelProbe = {
  readonly repeatMicroNats: number;
  /** Before a row's cut, from which on the tokens were others. */
  readonly lookaheadMicroNats: number;
  readonly seconds: number;
};

/** What the process that built the model says about it (gpu-runner/PROTOCOL.md §12). Submitted code ran in it: all of it is a claim. */
export type InstantiationReport = {
  /** Where it ended; `done` where nothing was left out. */
  readonly stage: 'import' | 'build' | 'forward' | 'training' | 'probes' | 'behaviour' | 'done';
  readonly failure: {
    readonly kind: 'exception' | 'contract' | 'time' | 'memory';
    /** `file:line` in the bundle. */
    readonly where: string | null;
    readonly message: string;
  } | null;
  /** Elements, as far as they were realised by then; null before there was a model. */
  readonly parameters: number | null;
  readonly buffers: number | null;
  /** The batch of the first forward, and what came back; null where none did. */
  readonly asked: { readonly rows: number; readonly length: number; readonly vocab: number } | null;
  readonly output: {
    readonly type: string;
    readonly shape: readonly number[] | null;
    readonly dtype: string | null;
  } | null;
  readonly probes: readonly ModelProbe[];
  /** Digest of what a model built under a public seed answers to public tokens; null where that says nothing, or didn't come about. */
  readonly behaviour: string | null;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
};

/**
 * How it ended. Without a report by what the engine and the kernel saw: `timeUp` and `flooded` are kills of ours, `outOfMemory` is the
 * kernel's, and in `died` the process ended without a readable report.
 */
export type Instantiated =
  | { readonly kind: 'reported'; readonly report: InstantiationReport }
  | { readonly kind: 'timeUp' | 'outOfMemory' | 'flooded' | 'died'; readonly message: string };

/**
 * Builds the model of a bundle once, confined as in an attempt, with the run's forced seed and policy's limits. Safe to repeat; not for one submission twice at
 * once. Throws `InstantiationUnavailableError` and the engine's errors where it is our fault, the signal's reason where that aborts.
 */
export type Instantiate = (asked: InstantiationRequest, policy: Policy, signal: AbortSignal) => Promise<Instantiated>;

/** The model couldn't be looked at: our fault, and never a verdict on it. */
export class InstantiationUnavailableError extends Error {
  override readonly name = 'InstantiationUnavailableError';
}
