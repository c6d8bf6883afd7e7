/**
 * The effects of a slot's actor on the real world: commands through the handlers, containers through the engine.
 *
 * Every effect tries again by itself. What ends the trying differs: an engine that is away costs no attempt until the
 * lease is over (`engineUnavailable`), any other failure of ours is recorded after three tries (`executorFault`), and
 * commands are tried for as long as it takes.
 */
import type { CommandContext } from '../domain/handle-command.ts';
import { deriveId } from '../domain/ids.ts';
import type { ActivePolicy } from '../domain/policy/policy.ts';
import { isRejection } from '../domain/rejection.ts';
import { submissionStream } from '../domain/submission/events.ts';
import { type AttemptResult, runAttempt } from './attempt.ts';
import { outputFolder, readOutputs } from './attempt-archive.ts';
import { attemptNames } from './attempt-names.ts';
import { clearPair } from './container-pair.ts';
import { EngineUnavailableError } from './engine-errors.ts';
import { faultResult, toRecordable } from './evidence.ts';
import type { SlotEffects, StartAnswer } from './executor-actor.ts';
import { unlessGpuIsLost } from './gpu-loss.ts';
import { runHeldOutAttempt } from './held-out-attempt.ts';
import type { LeasedAttempt } from './leased-attempt.ts';
import { persistently } from './persistently.ts';
import { attemptScope, cgroupParentOf, type ExecutorParts, planAttempt, type SlotPlace } from './plan-attempt.ts';

/** Failures that no waiting heals are tried this often. */
const mostFaults = 3;

export function slotEffects(parts: ExecutorParts, place: SlotPlace): SlotEffects {
  /** Settles when no earlier `run` can touch the engine any more. */
  let lastRun: Promise<unknown> = Promise.resolve();
  const report = failureReport(parts, place);

  return {
    start: (leased, signal) => persistently(() => start(parts, place, leased), signal, report(leased, 'start')),
    run: (leased, signal) => {
      const result = run(parts, place, leased, signal, report(leased, 'run'));
      lastRun = result.catch(() => {});
      return result;
    },
    record: async (leased, result, signal) => {
      await lastRun; // It may have been cut off, and be in the middle of making containers.
      const kept = await withCommitments(parts, place, leased, result);
      await persistently(() => record(parts, place, leased, kept), signal, report(leased, 'record'));
    },
    clear: async (leased, isStopping, signal) => {
      await lastRun; // An aborted run may be in the middle of making what is to be removed.
      const reportClearing = report(leased, 'clear');
      await persistently(
        () => clear(parts, place, leased),
        signal,
        (error, failures) => {
          reportClearing(error, failures);
          return isStopping ? 'left' : undefined; // A stopping service can't wait; the next start removes what is left.
        },
      );
    },
    release: (leased, reason, signal) =>
      persistently(() => release(parts, place, leased, reason), signal, report(leased, 'release')),
  };
}

/** A reason in the log for every wait, so that nothing is stuck unseen. */
function failureReport({ logger }: ExecutorParts, { stream }: SlotPlace) {
  return ({ lease }: LeasedAttempt, effect: string) =>
    (error: unknown, failures: number): undefined => {
      const { submissionId, run, attempt } = lease;
      const fields = { err: error, slot: stream, submissionId, run, attempt, effect, failures };
      logger.warn(fields, 'an effect of the executor failed and is tried again');
    };
}

/** Ids derive from the event that granted the lease: a command tried twice is the same command. */
function contextOf({ now }: ExecutorParts, { lease, grantedBy }: LeasedAttempt, command: string): CommandContext {
  const causeId = deriveId(command, grantedBy);
  return { causeId, causedBy: grantedBy, correlationId: lease.submissionId, at: now().toISOString() };
}

async function start(parts: ExecutorParts, place: SlotPlace, leased: LeasedAttempt): Promise<StartAnswer> {
  const { submissionId, run, attempt, fencingToken, deadlineAt } = leased.lease;
  const { executor, stream: slot } = place;
  const { device, deviceClass } = place.plan;
  const key = { run, attempt, fencingToken };
  const command = { kind: 'StartAttempt', ...key, slot, executor, device, deviceClass, deadlineAt } as const;
  const context = contextOf(parts, leased, 'startAttempt');
  const handled = await parts.submissions.handle(submissionStream(submissionId), command, context);
  return isRejection(handled) ? { kind: 'refused', reason: handled.reason } : { kind: 'started' };
}

function run(
  parts: ExecutorParts,
  place: SlotPlace,
  leased: LeasedAttempt,
  signal: AbortSignal,
  report: (error: unknown, failures: number) => void,
): Promise<AttemptResult> {
  let engineInterrupted = false;
  const once = async () => {
    const plan = await planAttempt(parts, place, leased, engineInterrupted);
    const result =
      plan.kind === 'heldOut'
        ? await runHeldOutAttempt(parts.engine, plan, signal)
        : await runAttempt(parts.engine, plan, signal);
    const { instance, runtime, runner } = parts;
    return unlessGpuIsLost(parts.engine, place.plan, { imageId: runner.imageId, instance, runtime, signal }, result);
  };
  return persistently(once, signal, (error, failures) => {
    engineInterrupted ||= error instanceof EngineUnavailableError;
    report(error, failures);
    return givenUp(error, failures, parts.now() >= new Date(leased.lease.deadlineAt));
  });
}

/** The result that ends the trying, undefined while another try may help. */
function givenUp(error: unknown, failures: number, isOver: boolean): AttemptResult | undefined {
  const isOutage = error instanceof EngineUnavailableError;
  if (!isOver && (isOutage || failures < mostFaults)) return undefined;
  const reason = isOutage ? 'engineUnavailable' : 'executorFault';
  return faultResult(reason, error instanceof Error ? error.message : String(error));
}

/**
 * A fault that was found outside the containers leaves in them what the contestant had committed to: it is kept as far as it can be read,
 * whole lines of a file that may still grow.
 */
async function withCommitments(
  parts: ExecutorParts,
  place: SlotPlace,
  leased: LeasedAttempt,
  result: AttemptResult,
): Promise<AttemptResult> {
  if (result.verdict.kind !== 'infrastructureFault' || result.commitments !== null) return result;
  const { referee } = attemptNames(attemptScope(parts, place, leased));
  try {
    const tar = await parts.engine.readArchive(referee, outputFolder);
    return tar === null ? result : { ...result, commitments: (await readOutputs(tar)).commitments };
  } catch (error) {
    const { submissionId, run, attempt } = leased.lease;
    parts.logger.warn({ err: error, submissionId, run, attempt }, 'what an attempt had committed to is lost');
    return result;
  }
}

async function record(
  parts: ExecutorParts,
  place: SlotPlace,
  leased: LeasedAttempt,
  result: AttemptResult,
): Promise<void> {
  const { submissionId, run, attempt, fencingToken } = leased.lease;
  const isSlotClosed = await reportFault(parts, place, leased, result);
  const { outcome, attachments } = await toRecordable(result, parts.blobs);
  const policy = await policyOfRun(parts, leased);
  const now = parts.now().toISOString();
  const command = { kind: 'RecordOutcome', run, attempt, fencingToken, outcome, isSlotClosed, policy, now } as const;
  const context = contextOf(parts, leased, 'recordOutcome');
  const handled = await parts.submissions.handle(submissionStream(submissionId), command, context, attachments);
  const refusal = isRejection(handled) ? handled.reason : null;
  parts.logger.info({ submissionId, run, attempt, ...briefly(result), refusal }, 'an attempt has ended');
}

/** Tells the slot first: whether it is closed for this fault decides whether the fault counts against the run. */
async function reportFault(
  parts: ExecutorParts,
  { stream }: SlotPlace,
  leased: LeasedAttempt,
  { verdict }: AttemptResult,
): Promise<boolean> {
  if (verdict.kind !== 'infrastructureFault') return false;
  const { reason, message } = verdict;
  const command = { kind: 'ReportFault', fencingToken: leased.lease.fencingToken, reason, message } as const;
  const handled = await parts.slots.handle(stream, command, contextOf(parts, leased, 'reportFault'));
  if (isRejection(handled) || handled.state.kind === 'unregistered' || handled.state.quarantine === null) return false;
  parts.logger.warn({ slot: stream, reason: handled.state.quarantine.reason }, 'the slot is quarantined');
  return true;
}

/** The policy that counts is that of the run. */
async function policyOfRun({ submissions, policyOf }: ExecutorParts, { lease }: LeasedAttempt): Promise<ActivePolicy> {
  const { state } = await submissions.load(submissionStream(lease.submissionId));
  const run = state.phase === 'absent' ? undefined : state.runs.find((candidate) => candidate.run === lease.run);
  if (run === undefined) throw new Error(`submission ${lease.submissionId} has no run ${lease.run}`);
  return { version: run.policyVersion, policy: await policyOf(run.policyVersion) };
}

function briefly({ verdict }: AttemptResult): object {
  if (verdict.kind === 'completed') return { outcome: verdict.kind };
  const reason = verdict.kind === 'infrastructureFault' ? verdict.reason : verdict.verdict;
  return { outcome: verdict.kind, reason, detail: verdict.message };
}

async function clear(parts: ExecutorParts, place: SlotPlace, leased: LeasedAttempt): Promise<string> {
  const scope = attemptScope(parts, place, leased);
  await clearPair(parts.engine, scope, cgroupParentOf(parts, scope));
  return 'cleared';
}

async function release(parts: ExecutorParts, place: SlotPlace, leased: LeasedAttempt, reason: string): Promise<void> {
  const command = { kind: 'ReleaseLease', fencingToken: leased.lease.fencingToken, reason } as const;
  await parts.slots.handle(place.stream, command, contextOf(parts, leased, 'releaseLease'));
}
