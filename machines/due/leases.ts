import type { CommandHandler } from '../../domain/handle-command.ts';
import { deriveId } from '../../domain/ids.ts';
import type { Policies } from '../../domain/policy/policy-aggregate.ts';
import type { DueWork } from '../../domain/ports/due-work.ts';
import { isRejection } from '../../domain/rejection.ts';
import { type SlotEvent, slotStream } from '../../domain/slot/events.ts';
import { hasJustFailed, type SlotCommand, type SlotState } from '../../domain/slot/slot.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { attemptSeconds, runLimits } from '../../domain/submission/run-limits.ts';
import { findRun, isOpenToAttempts, scoredRun } from '../../domain/submission/runs.ts';
import type { SubmissionHandler } from './performer.ts';

export type SlotHandler = CommandHandler<SlotState, SlotCommand, SlotEvent>;

export type LeaseDeps = {
  readonly submissions: SubmissionHandler;
  readonly slots: SlotHandler;
  readonly policies: Policies;
  readonly dueWork: DueWork;
  readonly clock: () => Date;
  readonly onFault: (error: unknown) => void;
};

/** A fault with one lease is reported and leaves the others alone. */
function alone(deps: LeaseDeps, work: Promise<number | null>): Promise<number | null> {
  return work.catch((error: unknown) => {
    deps.onFault(error);
    return null;
  });
}

/** Added to the outer timeout, for containers to start and to be collected. */
const leaseMarginSeconds = 180;
const matchesAtOnce = 64;

/**
 * Gives free slots to waiting runs, oldest run first; but a slot that has just failed a submission goes to another one first, which tells whose doing it
 * was. Returns the position of the last grant, or null.
 */
export async function grantLeases(deps: LeaseDeps): Promise<number | null> {
  const free = [...deps.dueWork.freeSlots()];
  const open = deps.dueWork.openSlots();
  const putOff: Waiting[] = [];
  let position: number | null = null;
  for (const waiting of free.length === 0 ? [] : deps.dueWork.waitingRuns(matchesAtOnce)) {
    position = (await alone(deps, grantLease(deps, { free, open }, waiting, putOff))) ?? position;
  }
  for (const waiting of putOff) {
    position = (await alone(deps, grantLease(deps, { free, open }, waiting, null))) ?? position;
  }
  return position;
}

type Slot = ReturnType<DueWork['freeSlots']>[number];
type Waiting = ReturnType<DueWork['waitingRuns']>[number];

/** `putOff`: takes the run where others come first; null where it is its turn. */
async function grantLease(
  { submissions, slots, policies, clock }: LeaseDeps,
  { free, open }: { readonly free: Slot[]; readonly open: readonly Slot[] },
  waiting: Waiting,
  putOff: Waiting[] | null,
): Promise<number | null> {
  const { state, lastEvent: asked } = await submissions.load(submissionStream(waiting.submissionId));
  if (state.phase === 'absent' || asked === null || !isOpenToAttempts(state)) return null;
  const run = findRun(state.runs, waiting.run);
  if (run?.status !== 'waiting') return null;
  const { policy } = await policies.ofVersion(run.policyVersion);
  const seconds = attemptSeconds(run, runLimits(state, run, policy));
  // What follows the score run compares with it: on the same class of device at least.
  const classes = run.purpose === 'score' ? policy.deviceClasses : [scoredRun(state)?.deviceClass];
  const fitting = (slot: Slot) => classes.includes(slot.deviceClass);
  const fresh = (slot: Slot) => fitting(slot) && slotStream(slot.executor, slot.device) !== run.abortedOn;
  // What has just failed it would be the first to be free, and may fail it again.
  const index = free.findIndex(open.some(fresh) ? fresh : fitting);
  const slot = free[index];
  if (slot === undefined) return null;
  const stream = slotStream(slot.executor, slot.device);
  const { state: slotState, lastEvent } = await slots.load(stream);
  if (putOff !== null && hasJustFailed(slotState, waiting.submissionId)) {
    putOff.push(waiting);
    return null;
  }
  free.splice(index, 1);
  const attempt = run.lastAttempt + 1;
  const now = clock();
  const deadline = now.getTime() + (seconds + leaseMarginSeconds) * 1_000;
  const granted = await slots.handle(
    stream,
    { kind: 'GrantLease', ...waiting, attempt, deadlineAt: new Date(deadline).toISOString() },
    {
      causeId: deriveId('grantLease', lastEvent?.envelope.id ?? stream, waiting.submissionId, waiting.run, attempt),
      causedBy: asked.envelope.id,
      correlationId: waiting.submissionId,
      at: now.toISOString(),
    },
  );
  return isRejection(granted) ? null : granted.position;
}

/**
 * Frees slots whose executor has let a lease's deadline pass. The attempt of such a lease has the same deadline, and is
 * ended by that one. Returns the position of the last expiry, or null.
 */
export async function expireLeases(deps: LeaseDeps): Promise<number | null> {
  let position: number | null = null;
  const now = deps.clock().toISOString();
  for (const { executor, device } of deps.dueWork.expiredLeases(now)) {
    position = (await alone(deps, expireLease(deps, slotStream(executor, device), now))) ?? position;
  }
  return position;
}

async function expireLease({ slots }: LeaseDeps, stream: string, now: string): Promise<number | null> {
  const { state, lastEvent } = await slots.load(stream);
  const lease = state.kind === 'registered' ? state.lease : null;
  if (lease === null || lastEvent === null || lease.deadlineAt > now) return null;
  const { submissionId, fencingToken } = lease;
  const causedBy = lastEvent.envelope.id;
  const context = { causeId: deriveId('expireLease', causedBy), causedBy, correlationId: submissionId, at: now };
  const expired = await slots.handle(stream, { kind: 'ExpireLease', fencingToken, now }, context);
  return isRejection(expired) ? null : expired.position;
}
