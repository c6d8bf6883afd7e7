import { buffer } from 'node:stream/consumers';
import { canonicalBundle } from '../domain/bundle.ts';
import type { CommandHandler } from '../domain/handle-command.ts';
import { recordableFrames } from '../domain/integrity/cuts-size.ts';
import type { Density } from '../domain/integrity/placement.ts';
import { type RepeatedRun, rerunDensity } from '../domain/integrity/rerun-plan.ts';
import type { Policy } from '../domain/policy/policy.ts';
import type { Blobs } from '../domain/ports/blobs.ts';
import type { BundleReader } from '../domain/ports/bundles.ts';
import type { EventLog } from '../domain/ports/event-log.ts';
import type { Heartbeat } from '../domain/ports/heartbeats.ts';
import type { HeldOutSide } from '../domain/scoring/held-out.ts';
import type { SubmissionCommand } from '../domain/submission/commands.ts';
import { type SubmissionEvent, submissionStream } from '../domain/submission/events.ts';
import { contestantsOn, heldOutSideOf } from '../domain/submission/held-out-runs.ts';
import { runLimits } from '../domain/submission/run-limits.ts';
import { repeatedBy, scoredRun } from '../domain/submission/runs.ts';
import type { LivingState, SubmissionState } from '../domain/submission/state.ts';
import type { AttemptPlan, PlannedAttempt } from './attempt.ts';
import { type AttemptScope, attemptNames, seats } from './attempt-names.ts';
import { attemptCgroup } from './cgroup-watch.ts';
import { readCommitments } from './commitments.ts';
import type { ContainerEngine } from './container-engine.ts';
import type { LaunchCommands } from './container-options.ts';
import { readCpuTimes } from './cpu-times.ts';
import type { HeldOutPlan } from './held-out-attempt.ts';
import { type AbortedAttempts, abortedAttempts, type LeasedAttempt } from './leased-attempt.ts';
import type { Logger } from './logger.ts';
import { planHeldOut, storedRecord } from './plan-held-out.ts';
import type { Examining } from './read-run-files.ts';
import type { ImageHeld } from './referee-signals.ts';
import type { Slots } from './register-slots.ts';
import { buildRunSpec, type RunnerFacts } from './run-spec.ts';
import type { SlotPlan } from './slot-plan.ts';
import type { Timings } from './watching.ts';

export type Submissions = CommandHandler<SubmissionState, SubmissionCommand, SubmissionEvent>;

/** What all slots of an executor share. */
export type ExecutorParts = {
  readonly log: Pick<EventLog, 'readStream'>;
  readonly blobs: Pick<Blobs, 'put' | 'open'>;
  readonly engine: ContainerEngine;
  readonly submissions: Submissions;
  readonly slots: Slots;
  readonly readBundle: BundleReader;
  readonly policyOf: (version: number) => Promise<Policy> | Policy;
  readonly runner: RunnerFacts;
  readonly seasonSecret: Uint8Array;
  /** Places cuts and draws lots (cut-keys.ts). */
  readonly cutSecret: Uint8Array;
  /** Id of the service; labels on everything it makes in the engine. */
  readonly instance: string;
  /** OCI runtime where it isn't the engine's default. */
  readonly runtime: string | null;
  readonly commands: LaunchCommands;
  readonly timings: Timings;
  readonly hasLocalCgroups: boolean;
  readonly now: () => Date;
  /** Hears how far running attempts are. */
  readonly onProgress: (beat: Heartbeat) => void;
  readonly logger: Logger;
};

export type SlotPlace = { readonly executor: string; readonly stream: string; readonly plan: SlotPlan };

export function attemptScope(parts: ExecutorParts, place: SlotPlace, { lease }: LeasedAttempt): AttemptScope {
  const { submissionId, run, attempt, fencingToken } = lease;
  return { instance: parts.instance, slot: place.stream, key: { submissionId, run, attempt, fencingToken } };
}

export function cgroupParentOf(parts: ExecutorParts, scope: AttemptScope): string | null {
  return parts.hasLocalCgroups ? attemptCgroup(attemptNames(scope).id) : null;
}

/**
 * Everything that an execution needs, read from the log, policy and the stored bundle. The same answer on every call
 * for an attempt.
 */
export async function planAttempt(
  parts: ExecutorParts,
  place: SlotPlace,
  leased: LeasedAttempt,
  engineInterrupted: boolean,
): Promise<AttemptPlan | HeldOutPlan> {
  const { lease } = leased;
  const stream = submissionStream(lease.submissionId);
  const { state } = await parts.submissions.load(stream);
  if (state.phase === 'absent' || state.contract === null)
    throw new Error(`submission ${lease.submissionId} has no contract to run`);
  const run = state.runs.find((candidate) => candidate.run === lease.run);
  if (run === undefined) throw new Error(`submission ${lease.submissionId} has no run ${lease.run}`);
  const [policy, files, aborted] = await Promise.all([
    parts.policyOf(run.policyVersion),
    parts.readBundle(state.identity.bundle.sha256),
    abortedAttempts(parts.log, stream, lease.run),
  ]);
  const scope = attemptScope(parts, place, leased);
  const cgroupParent = cgroupParentOf(parts, scope);
  const side = run.purpose === 'heldOut' ? heldOutSideOf(run.run) : null;
  const limits = runLimits(state, run, policy);
  const repeats = repeatedBy(state, run);
  const rerunOf = run.purpose === 'rerun' ? await repeatedRecord(parts, state) : null;
  const { contract, identity } = state;
  const { seasonSecret, cutSecret } = parts;
  const { deviceClass } = place.plan;
  const { integrity } = policy;
  const split = splitOf(parts.runner, side);
  const spec = buildRunSpec({
    ...{ key: scope.key, purpose: run.purpose, codeHash: identity.codeHash, contract },
    ...{ policy, limits, seasonSecret, cutSecret, deviceClass, threads },
    runner: { ...parts.runner, dataDigest: split.dataDigest },
    density: densityOf(integrity, repeats, rerunOf),
  });
  const beat = { submissionId: lease.submissionId, run: lease.run, attempt: lease.attempt, phase: 'running' };
  const planned: PlannedAttempt = {
    pair: pairPlan(parts, place, scope, policy, { deadlineAt: lease.deadlineAt, side, dataDir: split.dataDir }),
    spec,
    bundle: canonicalBundle(files),
    supervision: {
      cgroupParent,
      outputBytes: policy.limits.outputBytes,
      timeoutSeconds: limits.timeoutSeconds,
      frames: { cpuSeconds: limits.frameCpuSeconds, wallSeconds: limits.frameSeconds },
      cpuTimes: async (id) => (cgroupParent === null ? null : readCpuTimes(`${cgroupParent}/${id}`)),
      deadlineAt: new Date(lease.deadlineAt),
      timings: parts.timings,
      now: parts.now,
      onImageHeld: (held) => sayHeld(parts.logger, scope, held),
      onProgress: (progress) => parts.onProgress({ ...beat, at: parts.now().toISOString(), progress }),
    },
    previousRefereeDeaths: aborted.refereeDeaths,
    hasPolicyMemory: place.plan.memoryBytes >= policy.limits.memoryBytes,
    engineInterrupted,
  };
  if (side !== null) return planHeldOut(parts, planned, state, side, policy);
  return {
    ...planned,
    kind: 'training',
    examining: {
      bounds: integrity,
      rerunOf,
      committed: await storedCommitments(parts, aborted),
    },
    keeper:
      spec.exportState && run.purpose === 'score'
        ? { mostBytes: spec.limits.maxStateBytes, put: (content) => parts.blobs.put(content) }
        : null,
  };
}

/** Below it the channel that the pages close is open (ADR 17); what is rounded to pages is not. */
const leastHeld = 0.99;

function sayHeld(logger: Logger, { key, slot }: AttemptScope, held: ImageHeld): void {
  const fields = { ...key, slot, ...held };
  if (held.inMemoryBytes >= leastHeld * held.bytes) logger.info(fields, 'the referee holds the pages of the image');
  else logger.warn(fields, 'the referee can’t hold all pages of the image: there is too little memory for it');
}

function densityOf(
  { run, rerun }: Policy['integrity'],
  repeats: RepeatedRun | null,
  rerunOf: Examining['rerunOf'],
): Density {
  if (repeats === null || rerunOf === null) return run;
  return rerunDensity(rerun, repeats.measurement.longestRowBytes, recordableFrames(rerunOf.record.batches));
}

/** Nobody holds two splits: the held-out referee that asks about val has nothing else, and no other one has val. */
function splitOf({ dataDir, dataDigest, valDir, valDigest }: RunnerFacts, side: HeldOutSide | null) {
  return side === 'val' ? { dataDir: valDir, dataDigest: valDigest } : { dataDir, dataDigest };
}

/** The record that a rerun repeats. */
async function repeatedRecord(parts: ExecutorParts, state: LivingState): Promise<Examining['rerunOf']> {
  const scored = scoredRun(state);
  if (scored === undefined) throw new Error(`submission ${state.identity.submissionId} has no score run to repeat`);
  return { record: await storedRecord(parts, scored), platform: scored.platform };
}

/** A hint: no attempt may fail because one of them can't be read. */
async function storedCommitments({ blobs, logger }: ExecutorParts, { committed }: AbortedAttempts) {
  const read = committed.map(async ({ attempt, commitments }) => {
    const bytes = await blobs
      .open(commitments.sha256)
      .then(buffer)
      .catch((error: unknown) => {
        logger.warn({ err: error, attempt, ...commitments }, 'what an attempt had committed to can no more be read');
        return Buffer.alloc(0);
      });
    const stored = readCommitments(bytes);
    return stored === null ? [] : [{ attempt, ...stored }];
  });
  return (await Promise.all(read)).flat();
}

/**
 * One torch thread a process: two pools on the same cores fall over each other, and results must not depend on the
 * slot.
 */
const threads = 1;

function pairPlan(
  parts: ExecutorParts,
  { plan }: SlotPlace,
  scope: AttemptScope,
  { limits }: Policy,
  held: { readonly deadlineAt: string; readonly side: HeldOutSide | null; readonly dataDir: string },
): PlannedAttempt['pair'] {
  return {
    scope,
    imageId: parts.runner.imageId,
    commands: parts.commands,
    heldOutSeats: held.side === null ? null : seats.slice(0, contestantsOn(held.side)),
    deadlineAt: held.deadlineAt,
    cpuset: plan.cpuset,
    threads,
    // A slot with more than policy promises gives no more: what fits must not depend on the slot.
    memoryBytes: Math.min(plan.memoryBytes, limits.memoryBytes),
    pids: limits.pids,
    artifactsBytes: limits.artifactsBytes,
    device: plan.device,
    deviceClass: plan.deviceClass,
    dataDir: held.dataDir,
    tokenizersDir: parts.runner.tokenizersDir,
    runtime: parts.runtime,
    cgroupParent: cgroupParentOf(parts, scope),
  };
}
