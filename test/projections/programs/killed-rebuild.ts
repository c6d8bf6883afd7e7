/** `killed-rebuild.js <file> <phase>`: rebuilds the read models of a file, and is killed as soon as it is in that phase. */

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
  onProgress({ phase }) {
    if (phase === process.argv[3]) process.kill(process.pid, 'SIGKILL');
  },
});
