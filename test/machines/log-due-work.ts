import { toDomainEvent } from '../../domain/event-catalog.ts';
import type { DueWork } from '../../domain/ports/due-work.ts';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { slotStreamPrefix } from '../../domain/slot/events.ts';
import { type SlotState, slotAggregate } from '../../domain/slot/slot.ts';
import { submissionStreamPrefix } from '../../domain/submission/events.ts';
import { evolve } from '../../domain/submission/evolve.ts';
import { activeRuns, isOpenToAttempts } from '../../domain/submission/runs.ts';
import { initialState, type SubmissionState } from '../../domain/submission/state.ts';

export type LogDueWork = DueWork & {
  /** Folds what is new in the log. Until then the answers are old, as a projection's are. */
  catchUp(): Promise<void>;
};

/** `DueWork` in memory: folds the whole log with the aggregates themselves. */
export function logDueWork(log: EventLog): LogDueWork {
  const submissions = new Map<string, SubmissionState>();
  const slots = new Map<string, SlotState>();
  let position = 0;

  async function catchUp(): Promise<void> {
    for (const { envelope, position: reached } of await log.readAll(position, 10_000)) {
      if (reached <= position) continue;
      const event = toDomainEvent(envelope);
      const { stream } = envelope;
      if (stream.startsWith(submissionStreamPrefix)) {
        submissions.set(stream, evolve(submissions.get(stream) ?? initialState, event as never));
      }
      if (stream.startsWith(slotStreamPrefix)) {
        slots.set(stream, slotAggregate.evolve(slots.get(stream) ?? slotAggregate.initialState, event as never));
      }
      position = reached;
    }
  }

  const living = () => [...submissions.values()].flatMap((state) => (state.phase === 'absent' ? [] : [state]));
  const registered = () => [...slots.values()].flatMap((state) => (state.kind === 'registered' ? [state] : []));
  const isLeased = (submissionId: string, run: string) =>
    registered().some(({ lease }) => lease?.submissionId === submissionId && lease.run === run);

  return {
    catchUp,
    submissions: (now, limit) =>
      living()
        .filter((state) => {
          if (state.phase === 'gate') return state.deferral === null || state.deferral.retryAt <= now;
          if (state.phase === 'held') return state.hold.expiresAt <= now;
          if (activeRuns(state.runs).some((run) => run.deadlineAt <= now)) return true;
          return state.phase === 'scoring' || (state.phase === 'queued' && state.runs.length === 0);
        })
        .map(({ identity }) => identity.submissionId)
        .slice(0, limit),
    waitingRuns: (limit) =>
      living()
        .filter((state) => isOpenToAttempts(state))
        .flatMap(({ identity: { submissionId }, runs }) =>
          runs
            .filter(({ status, run }) => status === 'waiting' && !isLeased(submissionId, run))
            .map(({ run }) => ({ submissionId, run })),
        )
        .slice(0, limit),
    freeSlots: () =>
      registered()
        .filter(({ lease, quarantine }) => lease === null && quarantine === null)
        .map(({ slot: { executor, device, deviceClass } }) => ({ executor, device, deviceClass })),
    openSlots: () =>
      registered()
        .filter(({ quarantine }) => quarantine === null)
        .map(({ slot: { executor, device, deviceClass } }) => ({ executor, device, deviceClass })),
    expiredLeases: (now) =>
      registered().flatMap(({ slot: { executor, device }, lease }) =>
        lease !== null && lease.deadlineAt <= now ? [{ executor, device, fencingToken: lease.fencingToken }] : [],
      ),
  };
}
