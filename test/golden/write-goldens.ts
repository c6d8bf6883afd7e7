import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { eventSchemas, newestVersion } from '../../domain/event-catalog.ts';
import { goldenFolder, goldenName, makeGolden, writeGolden } from './golden-event.ts';
import { goldenLogs, writeGoldenLog } from './golden-log.ts';

// Writes what is missing: the newest version of every event type, and of the log's file. What is there is never touched.
const missing = Object.entries(eventSchemas)
  .map(([type, schema]) => ({ type, schema, version: newestVersion(type) }))
  .filter(({ type, version }) => !existsSync(join(goldenFolder, goldenName(type, version))));
for (const { type, schema, version } of missing) {
  writeGolden(goldenName(type, version), makeGolden(type, version, schema));
  process.stdout.write(`${goldenName(type, version)}\n`);
}
if (!goldenLogs().some(({ isNewest }) => isNewest)) process.stdout.write(`${await writeGoldenLog()}\n`);
