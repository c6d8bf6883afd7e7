import type { EventLog } from '../../domain/ports/event-log.ts';
import { projections } from '../../projections/catalog.ts';
import type { ProjectionDatabase } from '../../projections/projection-database.ts';
import { rebuild } from '../../projections/rebuild.ts';
import { memoryEventLog } from '../../storage/memory-event-log.ts';
import { type Happened, happen, temporaryDatabase } from './fixtures.ts';

/** For each test of the suite that calls it an empty log, and the read models of what `given` has appended to that. */
export function readModelsOfGiven() {
  let file: ReturnType<typeof temporaryDatabase>;
  let log: EventLog;

  beforeEach(() => {
    file = temporaryDatabase();
    log = memoryEventLog();
  });
  afterEach(() => file.dispose());

  return {
    get db(): ProjectionDatabase {
      return file.db;
    },
    get log(): EventLog {
      return log;
    },
    /** An empty log beside the models as they are: what is given next is all that they then know. */
    startAnew(): void {
      log = memoryEventLog();
    },
    async given(...histories: readonly (readonly Happened[])[]): Promise<void> {
      await happen(log, histories.flat());
      await rebuild({ db: file.db, log, projections });
    },
  };
}
