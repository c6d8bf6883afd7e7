import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { EventLog } from '../domain/ports/event-log.ts';
import { projections } from '../projections/catalog.ts';
import { ensureLive, staleProjections } from '../projections/ensure-live.ts';
import type { ProjectionDatabase } from '../projections/projection-database.ts';
import type { RebuildProgress } from '../projections/rebuild.ts';
import type { Verification } from '../projections/verify.ts';
import { type Poison, projectionVersions } from '../projections/versions.ts';
import type { StorageLocation } from '../storage/open-storage.ts';

/** Long work on read models, done in a thread with connections of its own, so that whoever asks for it stays responsive. */
export type ProjectionTask = {
  /** `ensureLive` builds what has no live version; `names` says what the others are about. */
  readonly kind: 'ensureLive' | 'rebuild' | 'verify';
  readonly names: readonly string[];
  /** Where the log is. */
  readonly storage: StorageLocation;
  /** The read models' file. */
  readonly path: string;
};

export type TaskResult =
  | { readonly kind: 'built' }
  | { readonly kind: 'verified'; readonly verifications: readonly Verification[] }
  /** The new version can't fold an event either: nothing was swapped. */
  | { readonly kind: 'poisoned'; readonly projection: string; readonly poison: Poison }
  /** It was told to stop: nothing was changed. */
  | { readonly kind: 'stopped' };

/** What the thread says. */
export type TaskMessage = { readonly progress: RebuildProgress } | { readonly result: TaskResult };

/** Runs a task in a thread. Told to stop by the signal, it cleans up after itself before this resolves. Its faults are thrown. */
export async function runProjectionTask(
  task: ProjectionTask,
  { signal, onProgress }: { signal?: AbortSignal | undefined; onProgress?: (progress: RebuildProgress) => void } = {},
): Promise<TaskResult> {
  const worker = new Worker(new URL('./projection-worker.js', import.meta.url), { workerData: task });
  let result: TaskResult | null = null;
  worker.on('message', (message: TaskMessage) => {
    if ('result' in message) result = message.result;
    else onProgress?.(message.progress);
  });
  const stop = () => worker.postMessage('stop');
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  try {
    await once(worker, 'exit');
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  if (result === null) throw new Error(`the thread for ${task.kind} ended without a result`);
  return result;
}

const logPeriodMs = 5_000;

/**
 * Builds what has no live version yet in a thread, so that the API stays live meanwhile, and tidies up. Throws the signal's reason when
 * it is told to stop.
 */
export async function buildReadModels(parts: {
  readonly db: ProjectionDatabase;
  readonly path: string;
  readonly log: EventLog;
  readonly storage: StorageLocation;
  readonly logger: Logger;
  readonly signal: AbortSignal | undefined;
}): Promise<void> {
  const { db, path, log, storage, logger, signal } = parts;
  const stale = staleProjections(projectionVersions(db), projections, await log.head());
  if (stale.length === 0) return ensureLive({ db, log, projections });
  const names = stale.map(({ name }) => name);
  logger.info({ projections: names }, 'building read models');
  let loggedAt = Date.now();
  const onProgress = (progress: RebuildProgress) => {
    if (Date.now() - loggedAt < logPeriodMs) return;
    loggedAt = Date.now();
    logger.info(progress, 'building read models');
  };
  const { kind } = await runProjectionTask({ kind: 'ensureLive', names, storage, path }, { signal, onProgress });
  if (kind === 'stopped') signal?.throwIfAborted();
}
