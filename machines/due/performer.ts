import type { CommandHandler, Folded } from '../../domain/handle-command.ts';
import { deriveId } from '../../domain/ids.ts';
import { isRejection } from '../../domain/rejection.ts';
import type { SubmissionCommand } from '../../domain/submission/commands.ts';
import { type SubmissionEvent, submissionStream } from '../../domain/submission/events.ts';
import type { LivingState, SubmissionState } from '../../domain/submission/state.ts';

export type SubmissionHandler = CommandHandler<SubmissionState, SubmissionCommand, SubmissionEvent>;

/** A submission with something due: its state, and the event that made it so. */
export type Due = { readonly state: LivingState; readonly lastEventId: string; readonly revision: number };

/**
 * Does what is due and records the outcome as commands. Safe to repeat: its commands are derived from the event that
 * made the work due, so a second time is the same events.
 */
export type Performer = (due: Due) => Promise<void>;

export function dueOf({ state, lastEvent, revision }: Folded<SubmissionState>): Due | null {
  if (state.phase === 'absent' || lastEvent === null) return null;
  return { state, lastEventId: lastEvent.envelope.id, revision };
}

/** The aggregate refuses what the machine says is due: a bug of ours, which would otherwise be tried in silence for ever. */
export class RefusedWorkError extends Error {
  override readonly name = 'RefusedWorkError';
}

/**
 * Sends a command whose identity follows from the work that was due. A refusal means that somebody else was first;
 * where nobody was, it throws `RefusedWorkError`.
 */
export async function send(
  submissions: SubmissionHandler,
  due: Due,
  command: SubmissionCommand,
  at: Date,
): Promise<void> {
  const { submissionId } = due.state.identity;
  const stream = submissionStream(submissionId);
  const handled = await submissions.handle(stream, command, {
    // With the command itself: two managers with one answer append once, with different answers they conflict.
    causeId: deriveId('due', due.lastEventId, JSON.stringify(command)),
    causedBy: due.lastEventId,
    correlationId: submissionId,
    at: at.toISOString(),
  });
  if (!isRejection(handled)) return;
  const { lastEvent } = await submissions.load(stream);
  if (lastEvent?.envelope.id === due.lastEventId)
    throw new RefusedWorkError(`${stream}: ${command.kind}: ${handled.detail}`);
}
