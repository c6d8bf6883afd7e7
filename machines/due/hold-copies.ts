import { deriveId } from '../../domain/ids.ts';
import { isRejection } from '../../domain/rejection.ts';
import type { SubmissionCommand } from '../../domain/submission/commands.ts';
import { type Likeness, submissionStream } from '../../domain/submission/events.ts';
import { type Due, RefusedWorkError, type SubmissionHandler } from './performer.ts';

/**
 * Tells works that were judged before an earlier one of which they are copies: each is held, at once or when another hold of it ends, and an operator
 * decides. A second time is nothing new, and what has ended stays as it is. Throws `RefusedWorkError` for any other refusal: the work remains due.
 */
export async function holdCopies(
  submissions: SubmissionHandler,
  { state, lastEventId }: Due,
  copies: readonly Likeness[],
  { holdSeconds, now }: { readonly holdSeconds: number; readonly now: Date },
): Promise<void> {
  const original = state.identity.submissionId;
  const at = now.toISOString();
  for (const { submissionId, exact, similarity } of copies) {
    const stream = submissionStream(submissionId);
    const command: SubmissionCommand = {
      ...{ kind: 'RecordOriginal', original, exact, similarity, holdSeconds, now: at },
    };
    const causeId = deriveId('originalFound', original, submissionId);
    const context = { causeId, causedBy: lastEventId, correlationId: submissionId, at };
    const handled = await submissions.handle(stream, command, context);
    if (isRejection(handled) && handled.reason !== 'alreadyEnded') {
      throw new RefusedWorkError(`${stream}: ${command.kind}: ${handled.detail}`);
    }
  }
}
