import { setTimeout as delay } from 'node:timers/promises';
import { isBusy } from './database.ts';
import type { ProjectionDatabase } from './projection-database.ts';

/** How long another process's write may stand in the way before that is a fault. */
const defaultPatienceMs = 10_000;

/**
 * Runs `work` in a write transaction of its own. While another process or thread writes, such as a rebuild, it waits without
 * blocking the event loop; after `patienceMs` it throws SQLite's refusal.
 */
export async function patiently<Result>(
  db: ProjectionDatabase,
  work: () => Result,
  patienceMs = defaultPatienceMs,
): Promise<Result> {
  const transaction = db.transaction(work);
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      return transaction.immediate();
    } catch (error) {
      if (!isBusy(error) || Date.now() >= deadline) throw error;
    }
    // A few ms, different each time, so that two which met once don't meet again in step.
    await delay(1 + Math.random() * 4);
  }
}
