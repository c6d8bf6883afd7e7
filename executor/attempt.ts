import type { Readable } from 'node:stream';
import type { RevealedKeys } from '../domain/submission/events.ts';
import {
  type Outputs,
  outputFolder,
  readOutputs,
  type StateKeeper,
  UnexpectedArchiveError,
} from './attempt-archive.ts';
import type { ContainerEngine } from './container-engine.ts';
import type { PairPlan } from './container-options.ts';
import { openPair } from './container-pair.ts';
import type { HeldOutMeasured } from './held-out-result.ts';
import { classify, type ManifestReading, type Verdict } from './outcome.ts';
import { type Examining, type ManifestResult, type Measured, readRunFiles } from './read-run-files.ts';
import type { RunSpec } from './run-spec.ts';
import { supervise } from './supervise.ts';
import type { Observed, SupervisionPlan } from './watching.ts';

/** What every execution of a run needs. */
export type PlannedAttempt = {
  readonly pair: PairPlan;
  readonly spec: RunSpec;
  /** The bundle in canonical form. */
  readonly bundle: Uint8Array;
  readonly supervision: Omit<SupervisionPlan, 'signal'>;
  readonly previousRefereeDeaths: number;
  readonly hasPolicyMemory: boolean;
  /** An earlier call for this attempt lost the engine. */
  readonly engineInterrupted: boolean;
};

/** A run that trains: it is scored, or it repeats the one that was. */
export type AttemptPlan = PlannedAttempt & {
  readonly kind: 'training';
  readonly examining: Examining;
  /** Where the exported state goes; null where nobody asks for it. */
  readonly keeper: StateKeeper | null;
};

export type AttemptResult = {
  readonly verdict: Verdict;
  /** Of a completed run. */
  readonly measured: Measured | null;
  /** Of a completed held-out run; `manifest` is then its document. */
  readonly heldOut: HeldOutMeasured | null;
  readonly record: Uint8Array | null;
  readonly cuts: Uint8Array | null;
  readonly manifest: Uint8Array | null;
  /** What the contestant had committed to, however the attempt ended. */
  readonly commitments: Uint8Array | null;
  /** To be revealed with a verdict; null where nothing was run. */
  readonly keys: RevealedKeys | null;
  /** The last bytes that the contestant printed; a claim. */
  readonly log: Uint8Array;
};

/**
 * Runs an attempt, or finds it running, or finds it ended: the same call after a crash leads to the same result. Leaves
 * the containers behind (`clearPair` removes them once the result is recorded). Throws engine errors, and the signal's
 * reason; neither says anything about the submission.
 */
export async function runAttempt(
  engine: ContainerEngine,
  plan: AttemptPlan,
  signal: AbortSignal,
): Promise<AttemptResult> {
  const pair = await openPair(engine, plan.pair, plan, signal);
  const observed = await supervise(engine, pair, { ...plan.supervision, signal });
  const files = await collect(engine, pair.names.referee, plan.keeper);
  return judge(plan, observed, files);
}

const noFiles: Outputs = {
  ...{ record: null, cuts: null, manifest: null, commitments: null, state: null },
  cutsAreTooLarge: false,
};

type Collected = Outputs & { readonly problem: string | null };

/** Reads the stopped referee's output. A volume with surprises in it is a problem of ours, not an exception. */
async function collect(engine: ContainerEngine, referee: string, keeper: StateKeeper | null): Promise<Collected> {
  const tar: Readable | null = await engine.readArchive(referee, outputFolder);
  if (tar === null) return { ...noFiles, problem: null };
  try {
    return { ...(await readOutputs(tar, keeper)), problem: null };
  } catch (error) {
    if (!(error instanceof UnexpectedArchiveError)) throw error;
    return { ...noFiles, problem: error.message };
  }
}

function judge(plan: AttemptPlan, observed: Observed, files: Collected): AttemptResult {
  const { reading, measured } = readFiles(plan, files);
  const { log, ...facts } = observed;
  const { previousRefereeDeaths, hasPolicyMemory, engineInterrupted, spec } = plan;
  const verdict = classify({ ...facts, manifest: reading, previousRefereeDeaths, hasPolicyMemory, engineInterrupted });
  const { record, cuts, manifest, commitments } = files;
  return { verdict, measured, heldOut: null, record, cuts, manifest, commitments, keys: keysOf(spec), log };
}

function readFiles({ spec, examining }: AttemptPlan, { problem, state, ...files }: Collected): ManifestResult {
  if (problem === null) return readRunFiles(files, spec, examining, state);
  const reading: ManifestReading = { kind: 'invalid', problem };
  return { reading, measured: null };
}

function keysOf({ decoys, rows }: RunSpec): RevealedKeys {
  return { cuts: decoys.cutKey, rows: rows.fraction < 1 ? rows.key : null };
}
