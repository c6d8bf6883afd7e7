import { setTimeout as delay } from 'node:timers/promises';

const firstBackoffMs = 250;
const longestBackoffMs = 15_000;

/**
 * Tries until it works: 250 ms, doubling, at most 15 s apart. `onFailure` is told about each failure, and ends the
 * trying by returning a value in the result's place, or by throwing. Aborting the signal rejects with its reason.
 */
export async function persistently<Result>(
  attempt: (failures: number) => Promise<Result>,
  signal: AbortSignal,
  onFailure: (error: unknown, failures: number) => Result | undefined,
): Promise<Result> {
  for (let failures = 0; ; ) {
    signal.throwIfAborted();
    try {
      return await attempt(failures);
    } catch (error) {
      signal.throwIfAborted();
      failures += 1;
      const instead = onFailure(error, failures);
      if (instead !== undefined) return instead;
      await delay(Math.min(longestBackoffMs, firstBackoffMs * 2 ** (failures - 1)), undefined, { signal });
    }
  }
}
