import { setTimeout } from 'node:timers/promises';
import { isBusy } from './sqlite-faults.ts';

/** How long a write or a read waits for other processes' locks before it is a fault. */
export const lockWaitMs = 10_000;

/** A few ms, different each time, so that processes which met once don't meet again in step. */
export function busyPauseMs(): number {
  return 1 + Math.random() * 4;
}

/** Runs `attempt` until it isn't refused by a lock, without blocking the event loop in between. */
export async function retryWhileBusy<T>(attempt: () => T): Promise<T> {
  const deadline = Date.now() + lockWaitMs;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (!isBusy(error) || Date.now() > deadline) throw error;
    }
    await setTimeout(busyPauseMs());
  }
}
