import type { SubmissionEvent } from '../domain/submission/events.ts';
import type { PublicStatus } from '../domain/submission/state.ts';

/** As much of a submission's state as its public status depends on. `parked` is the status that a hold will give back. */
export type StatusProgress = {
  readonly status: PublicStatus;
  readonly parked: PublicStatus | null;
  readonly expiredHolds: number;
};

/**
 * The public status after an event: the short form of `publicStatus(evolve(state, event))`, without the state. They
 * agree for every sequence that the machine permits, which a test walks. Null until the receipt.
 */
export function statusAfter(current: StatusProgress | null, event: SubmissionEvent): StatusProgress | null {
  if (event.type === 'SubmissionReceived') return { status: 'pending', parked: null, expiredHolds: 0 };
  return current === null ? null : nextProgress(current, event);
}

function nextProgress(current: StatusProgress, event: SubmissionEvent): StatusProgress {
  switch (event.type) {
    case 'SubmissionHeld':
      return { ...current, status: 'held', parked: current.status };
    case 'HoldExpired':
      return { ...afterExpiry(current), expiredHolds: current.expiredHolds + 1 };
    case 'AttemptStarted':
      // A correcting run of a completed submission doesn't make it run again.
      return { ...current, status: current.status === 'pending' ? 'running' : current.status };
    case 'HoldResolved':
      return { ...current, status: event.data.resolution === 'release' ? unparked(current) : 'pending', parked: null };
    default:
      return { ...current, status: statusOf(event) ?? current.status };
  }
}

/** The first expiry gives the submission back; after the second its rejection is due. */
function afterExpiry(current: StatusProgress): StatusProgress {
  return { ...current, status: current.expiredHolds === 0 ? unparked(current) : 'pending', parked: null };
}

function unparked({ parked, status }: StatusProgress): PublicStatus {
  return parked ?? status;
}

/** The status that an event brings by itself; null where it leaves the status as it is. */
function statusOf(event: SubmissionEvent): PublicStatus | null {
  switch (event.type) {
    case 'GateFailed':
    case 'SubmissionWithdrawn':
      return 'pending';
    case 'AttributionDecided':
      return event.data.decision === 'reject' ? 'pending' : null;
    case 'SubmissionRejected':
      return 'rejected';
    case 'SubmissionFailed':
      return 'failed';
    case 'SubmissionCompleted':
      return 'completed';
    default:
      return null;
  }
}
