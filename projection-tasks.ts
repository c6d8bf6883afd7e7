import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { RebuildProgress } from './projections/rebuild.ts';
import type { Verification } from './projections/verify.ts';
import type { Poison } from './projections/versions.ts';

/** Long work on read models, done in a thread with connections of its own, so that whoever asks for it stays responsive. */
export type ProjectionTask = {
  /** `ensureLive` builds what has no live version; `names` says what the others are about. */
  readonly kind: 'ensureLive' | 'rebuild' | 'verify';
  readonly names: readonly string[];
  readonly logUrl: string;
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
