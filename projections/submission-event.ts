import { type SubmissionEvent, submissionEventSchemas, submissionStreamPrefix } from '../domain/submission/events.ts';
import type { ProjectedEvent } from './projection.ts';

/** The event, if it is one of a submission's life. */
export function submissionEventOf({ event }: ProjectedEvent): SubmissionEvent | null {
  return isSubmissionEvent(event) ? event : null;
}

function isSubmissionEvent(event: ProjectedEvent['event']): event is SubmissionEvent {
  return Object.hasOwn(submissionEventSchemas, event.type);
}

/** Most events don't repeat the submission's id: the stream names it. */
export function submissionIdOf(stream: string): string {
  return stream.slice(submissionStreamPrefix.length);
}
