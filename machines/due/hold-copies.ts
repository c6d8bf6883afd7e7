import { deriveId } from '../../domain/ids.ts';
import { MixedAppendError } from '../../domain/ports/event-log-errors.ts';
import type { SubmissionCommand } from '../../domain/submission/commands.ts';
import { type Likeness, submissionStream } from '../../domain/submission/events.ts';
import type { Due, SubmissionHandler } from './performer.ts';

/**
 * Parks works that were judged before an earlier one of which they are copies: an operator decides. The hold's id and its command follow from the two works, so
 * that a second time is the same events, and a hold that was decided doesn't come back. What has ended, or is held for something else, stays as it is: the
 * comparison says of whom it is a copy.
 */
export async function holdCopies(
  submissions: SubmissionHandler,
  { state, lastEventId }: Due,
  copies: readonly Likeness[],
  { holdSeconds, now }: { readonly holdSeconds: number; readonly now: Date },
): Promise<void> {
  const original = state.identity.submissionId;
  for (const { submissionId, exact, similarity } of copies) {
    const stream = submissionStream(submissionId);
    const { state: copy } = await submissions.load(stream);
    const holdId = deriveId('copyHold', original, submissionId);
    const alike = exact ? 'has the same source' : `has ${(similarity * 100).toFixed(1)} % of its source in common`;
    const command: SubmissionCommand = {
      kind: 'Hold',
      ...{ holdId, operator: null },
      // What is published is held by an audit alone.
      source: copy.phase === 'completed' ? 'audit' : 'duplicate',
      reason: `Submission ${original}, which was received earlier, ${alike}.`,
      expiresAt: new Date(now.getTime() + holdSeconds * 1_000).toISOString(),
    };
    const causeId = deriveId('copyHoldCommand', holdId);
    try {
      const context = { causeId, causedBy: lastEventId, correlationId: submissionId, at: now.toISOString() };
      await submissions.handle(stream, command, context);
    } catch (error) {
      // It was held for this before, when it was elsewhere in its life.
      if (!(error instanceof MixedAppendError)) throw error;
    }
  }
}
