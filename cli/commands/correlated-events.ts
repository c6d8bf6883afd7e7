import { type Config, storageLocation } from '../../config.ts';
import type { RecordedEvent } from '../../domain/event.ts';
import { logPages } from '../../storage/log-pages.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { summaryOf } from './events.ts';

/** Everything in the log that belongs to one matter, whatever stream it is in, each event with what it was caused by. Reads the whole log. */
export async function correlatedEvents(config: Config, correlationId: string, output: Output): Promise<number> {
  const storage = await openStorage({ ...storageLocation(config), readOnly: true });
  let found = 0;
  try {
    const places = new Map<string, number>();
    for await (const page of logPages(storage.log, 0, await storage.log.head())) {
      for (const recorded of page) {
        if (recorded.envelope.correlationId !== correlationId) continue;
        found += 1;
        places.set(recorded.envelope.id, recorded.position);
        const cause = places.get(recorded.envelope.causationId) ?? null;
        output.result(toAnswer(recorded), () => toLine(recorded, cause));
      }
    }
  } finally {
    await storage.close();
  }
  if (found === 0) output.note(`Nothing in the log belongs to ${correlationId}.`);
  return found === 0 ? exitCodes.negative : exitCodes.ok;
}

function toAnswer({ envelope, position, revision }: RecordedEvent): object {
  const { id, type, schemaVersion, stream, recordedAt, correlationId, causationId, data } = envelope;
  return {
    ...{ position, revision, id, type, stream, data },
    schema_version: schemaVersion,
    recorded_at: recordedAt,
    correlation_id: correlationId,
    causation_id: causationId,
  };
}

function toLine({ envelope, position }: RecordedEvent, cause: number | null): string {
  const { recordedAt, stream, type, causationId, data } = envelope;
  const because = cause === null ? `command ${causationId}` : String(cause);
  return `${position} ← ${because}  ${recordedAt}  ${stream}  ${type}  ${summaryOf(data)}`;
}
