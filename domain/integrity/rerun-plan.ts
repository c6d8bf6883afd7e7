import type { Policy } from '../policy/policy.ts';
import type { Measurement } from '../submission/events.ts';
import type { Density } from './placement.ts';

/**
 * As many whole decoys before every batch as policy's density comes to, rounded, and at least one: so every batch has the same number for
 * certain. A number that isn't whole would leave some batches without any by chance, and looking ahead in those, batch for batch, is the
 * cheapest way to cheat. `longestRowBytes` is the run's own, which the rerun repeats; one long row among many short ones asks for more decoys than
 * can be written down, `mostFrames`.
 */
export function rerunDensity(asked: Density, longestRowBytes: number, mostFrames = Number.POSITIVE_INFINITY): Density {
  const expected = (asked.cutsPerMegabyte * longestRowBytes) / 1e6;
  const least = Math.max(1, Math.ceil(asked.framesPerBatch));
  const framesPerBatch = Math.max(least, Math.min(Math.round(expected), mostFrames));
  const most = longestRowBytes === 0 ? asked.cutsPerMegabyte : Math.floor((framesPerBatch * 1e6) / longestRowBytes);
  return { cutsPerMegabyte: Math.min(asked.cutsPerMegabyte, most), framesPerBatch };
}

/** What the run was, as far as a rerun's plan depends on it. */
export type RepeatedRun = {
  readonly measurement: Pick<Measurement, 'seconds' | 'batches' | 'longestRowBytes'>;
  /** Decoys that it was shown. */
  readonly frames: number;
};

/** A rerun of a run that took no time to speak of still has to start. */
const leastSeconds = 60;
const spareFactor = 2;

/**
 * Seconds that a rerun may take, from the contestant's readiness: what the run took, times the ratio of forwards, times 2. A run that didn't say
 * how long it took counts with policy's whole budget.
 */
function rerunSeconds({ measurement, frames }: RepeatedRun, policy: Pick<Policy, 'integrity' | 'limits'>): number {
  const { seconds, batches, longestRowBytes } = measurement;
  const { framesPerBatch } = rerunDensity(policy.integrity.rerun, longestRowBytes);
  const forwards = (1 + framesPerBatch) / (1 + frames / Math.max(1, batches));
  const taken = seconds ?? policy.limits.budgetSeconds;
  return Math.max(leastSeconds, Math.ceil(spareFactor * forwards * taken));
}

/** What bounds a run: policy's limits, and for a rerun its own time within the same margins. */
export function limitsOf(repeats: RepeatedRun | null, policy: Pick<Policy, 'integrity' | 'limits'>): Policy['limits'] {
  const { limits } = policy;
  if (repeats === null) return limits;
  const budgetSeconds = rerunSeconds(repeats, policy);
  return { ...limits, budgetSeconds, timeoutSeconds: limits.timeoutSeconds - limits.budgetSeconds + budgetSeconds };
}
