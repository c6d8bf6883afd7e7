import { toDomainEvent } from '../domain/event-catalog.ts';
import { type SubmissionEvent, submissionEventSchemas, submissionStream } from '../domain/submission/events.ts';
import type { Storage } from '../storage/open-storage.ts';
import { CommandError, exitCodes } from './exit-codes.ts';

const pageSize = 512;

/** A submission's events, oldest first. Throws `CommandError` for one that the log doesn't have. */
export async function submissionHistory({ log }: Storage, id: string): Promise<readonly SubmissionEvent[]> {
  const history: SubmissionEvent[] = [];
  for (;;) {
    const page = await log.readStream(submissionStream(id), history.length, pageSize);
    history.push(...page.map(({ envelope }) => toDomainEvent(envelope)).filter(isSubmissionEvent));
    if (page.length < pageSize) break;
  }
  if (history.length === 0) throw new CommandError(exitCodes.usage, `The log has no submission ${id}.`);
  return history;
}

function isSubmissionEvent(event: ReturnType<typeof toDomainEvent>): event is SubmissionEvent {
  return Object.hasOwn(submissionEventSchemas, event.type);
}
