import type { RecordedEvent } from '../domain/event.ts';
import { toDomainEvent } from '../domain/event-catalog.ts';
import { isStorageFault } from './database.ts';
import { type Fold, type PageEvent, type ProjectedEvent, type Projection, tableNames } from './projection.ts';
import type { ProjectionDatabase } from './projection-database.ts';
import type { Skips } from './skips.ts';
import type { VersionRow, Versions } from './versions.ts';

/** One version of a projection with its prepared fold. */
export type Target = { readonly projection: Projection; readonly version: number; readonly fold: Fold };

export function prepareTarget(db: ProjectionDatabase, projection: Projection, version: number): Target {
  return { projection, version, fold: projection.prepareFold(db, tableNames(version)) };
}

/** Events are parsed when the first projection asks, and once. */
export function parsedOnce(page: readonly RecordedEvent[]): readonly PageEvent[] {
  return page.map((recorded) => {
    let parsed: ProjectedEvent | null = null;
    return {
      recorded,
      parse() {
        parsed ??= toProjectedEvent(recorded);
        return parsed;
      },
    };
  });
}

function toProjectedEvent({ envelope, position }: RecordedEvent): ProjectedEvent {
  const { stream, recordedAt } = envelope;
  return { event: toDomainEvent(envelope), stream, position, recordedAt };
}

/** Where a page is folded into, and which events are passed over. */
export type Folding = { readonly db: ProjectionDatabase; readonly versions: Versions; readonly skips: Skips };

/**
 * Folds what `row` hasn't seen yet of a page, and moves its position, in the transaction of the caller: delivering a page
 * twice, from two processes even, folds it once. The first event that can't be folded poisons the version: what lies
 * before it is kept, and the version stays there. Storage faults are thrown on: they are nobody's poison.
 */
export function applyPage(folding: Folding, target: Target, row: VersionRow, page: readonly PageEvent[]): void {
  const last = page.at(-1);
  if (row.poison !== null || last === undefined || last.recorded.position <= row.position) return;
  const news = page.filter(({ recorded }) => recorded.position > row.position);
  const { name } = target.projection;
  const failure = foldAll(folding, target, news);
  if (failure === null) {
    folding.versions.advance(name, target.version, last.recorded.position);
    return;
  }
  const before = news.slice(0, failure.index);
  // The savepoint took back the good events too: fold them again, without the bad one.
  applyPage(folding, target, row, before);
  const { position, envelope } = failure.recorded;
  folding.versions.poison(name, target.version, { position, eventId: envelope.id, error: messageOf(failure.error) });
}

type Failure = { readonly index: number; readonly recorded: RecordedEvent; readonly error: unknown };

class FoldError extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super('an event could not be folded', { cause: failure.error });
    this.failure = failure;
  }
}

/** All or nothing, by a savepoint: null, or which event failed. */
function foldAll({ db, skips }: Folding, { projection, fold }: Target, events: readonly PageEvent[]): Failure | null {
  const { name, streams } = projection;
  try {
    db.transaction(() => {
      for (const [index, { recorded, parse }] of events.entries()) {
        if (!streams.some((prefix) => recorded.envelope.stream.startsWith(prefix))) continue;
        if (skips.has(name, recorded.envelope.id)) continue;
        try {
          fold(parse());
        } catch (error) {
          if (isStorageFault(error)) throw error;
          throw new FoldError({ index, recorded, error });
        }
      }
    })();
    return null;
  } catch (error) {
    if (error instanceof FoldError) return error.failure;
    throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
