import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { EventEnvelope } from '../../domain/event.ts';
import { eventsTableSql } from '../../storage/sqlite-events-table.ts';
import { warmUp } from '../bench-events.ts';
import { withBenchFolder } from '../bench-folder.ts';

/**
 * The fastest that SQLite lets anybody append to the same table: one writer, one prepared insert, JSON as it comes, a
 * transaction a batch. It checks no expectation, finds no repeated event, and takes no second caller. Events a second.
 */
export function bareLoop(batches: readonly (readonly EventEnvelope[])[]): Promise<number> {
  return withBenchFolder((folder) => {
    const db = new Database(join(folder, 'bare.sqlite'));
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    db.exec(eventsTableSql);
    const insert = db.prepare('INSERT INTO events (position, stream, revision, id, bytes) VALUES (?, ?, ?, ?, ?)');
    let position = 0;
    const revisions = new Map<string, number>();
    const append = db.transaction((batch: readonly EventEnvelope[]) => {
      for (const event of batch) {
        const revision = revisions.get(event.stream) ?? 0;
        position += 1;
        insert.run(position, event.stream, revision, event.id, Buffer.from(JSON.stringify(event)));
        revisions.set(event.stream, revision + 1);
      }
    });
    for (const batch of warmUp()) append.immediate(batch);
    const before = position;
    const started = performance.now();
    for (const batch of batches) append.immediate(batch);
    const seconds = (performance.now() - started) / 1_000;
    db.close();
    return (position - before) / seconds;
  });
}
