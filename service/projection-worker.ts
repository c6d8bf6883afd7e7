import { parentPort, workerData } from 'node:worker_threads';
import { projections } from '../projections/catalog.ts';
import { openProjectionDatabase } from '../projections/database.ts';
import { ensureLive } from '../projections/ensure-live.ts';
import { PoisonedRebuildError, type RebuildOptions, rebuild } from '../projections/rebuild.ts';
import { verifyProjections } from '../projections/verify.ts';
import { openStorage } from '../storage/open-storage.ts';
import type { ProjectionTask, TaskMessage, TaskResult } from './projection-tasks.ts';

/** The thread behind `projection-tasks.ts`: opens log and read models for itself, does one task, and ends. */
const task: ProjectionTask = workerData;
const stopping = new AbortController();
parentPort?.once('message', () => stopping.abort());
say({ result: await perform() });
parentPort?.close();

function say(message: TaskMessage): void {
  parentPort?.postMessage(message);
}

async function perform(): Promise<TaskResult> {
  const storage = await openStorage({ ...task.storage, readOnly: true });
  try {
    const db = openProjectionDatabase(task.path);
    try {
      const chosen = projections.filter(({ name }) => task.kind === 'ensureLive' || task.names.includes(name));
      return await work({ db, log: storage.log, projections: chosen, signal: stopping.signal });
    } catch (error) {
      if (stopping.signal.aborted && error === stopping.signal.reason) return { kind: 'stopped' };
      if (error instanceof PoisonedRebuildError)
        return { kind: 'poisoned', projection: error.projection, poison: error.poison };
      throw error;
    } finally {
      db.close();
    }
  } finally {
    await storage.close();
  }
}

async function work(options: RebuildOptions): Promise<TaskResult> {
  if (task.kind === 'verify') {
    const verifications = await verifyProjections({
      ...options,
      onProgress: (progress) => say({ progress: { phase: 'folding', ...progress } }),
    });
    return { kind: 'verified', verifications };
  }
  const run = task.kind === 'rebuild' ? rebuild : ensureLive;
  await run({ ...options, onProgress: (progress) => say({ progress }) });
  return { kind: 'built' };
}
