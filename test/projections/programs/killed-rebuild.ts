/** Rebuilds the read models of the file named by its argument, and is killed after the first page. */

import { projections } from '../../../projections/catalog.ts';
import { openProjectionDatabase } from '../../../projections/database.ts';
import { rebuild } from '../../../projections/rebuild.ts';
import { memoryEventLog } from '../../../storage/memory-event-log.ts';
import { happen, variedHistory } from '../fixtures.ts';

const log = memoryEventLog();
await happen(log, variedHistory);
await rebuild({
  db: openProjectionDatabase(process.argv[2] ?? ''),
  log,
  projections,
  onProgress: () => process.kill(process.pid, 'SIGKILL'),
});
