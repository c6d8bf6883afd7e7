import type { RouterMiddleware } from '@koa/router';
import { z } from 'zod';
import type { EventLog } from '../../domain/ports/event-log.ts';
import { submissionStream } from '../../domain/submission/events.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import { toPublicEvent } from '../public-event.ts';
import { cursorParameter, parseQuery } from '../query.ts';
import { submissionIdFrom, unknownSubmission } from '../submission-id.ts';

const pageSize = 100;
const querySchema = z.object({ cursor: cursorParameter });
const revisionSchema = z.int().nonnegative();

/** `GET /v1/submissions/{id}/events`: its timeline, read from the log itself, oldest first. */
export function getSubmissionEvents(deps: { readonly log: Pick<EventLog, 'readStream'> }): RouterMiddleware {
  return async (ctx) => {
    const id = submissionIdFrom(ctx);
    const from = decodeCursor(parseQuery(ctx, querySchema).cursor, revisionSchema) ?? 0;
    const events = await deps.log.readStream(submissionStream(id), from, pageSize + 1);
    if (events.length === 0 && from === 0) throw unknownSubmission();
    const next = events[pageSize];
    ctx.body = {
      submission_id: id,
      events: events.slice(0, pageSize).map(toPublicEvent),
      next_cursor: next === undefined ? null : encodeCursor(next.revision),
    };
  };
}
