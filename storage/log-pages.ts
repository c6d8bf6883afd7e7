import type { RecordedEvent } from '../domain/event.ts';
import type { EventLog } from '../domain/ports/event-log.ts';

const pageSize = 512;

/** The log's events strictly after one position and up to another, both of any log, in pages. Ends there, or where the log does. */
export async function* logPages(
  log: Pick<EventLog, 'readAll'>,
  afterPosition: number,
  lastPosition: number,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  for (let position = afterPosition; position < lastPosition; ) {
    const page = await log.readAll(position, pageSize);
    const wanted = page.filter((event) => event.position <= lastPosition);
    if (wanted.length > 0) yield wanted;
    const last = page.at(-1);
    if (last === undefined) return;
    position = last.position;
  }
}
