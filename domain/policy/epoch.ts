import type { Policy } from './policy.ts';

/** The epoch that an instant lies in: `floor(unix seconds / epochSeconds)`. */
export function epochAt(instant: Date, { epochSeconds }: Pick<Policy, 'epochSeconds'>): number {
  return Math.floor(instant.getTime() / 1_000 / epochSeconds);
}

/** Boards and weights never mix device classes: without another wish it is the first that policy lets score. */
export function scoringDeviceClass({ deviceClasses }: Pick<Policy, 'deviceClasses'>): 'cpu' | 'gpu' {
  return deviceClasses[0] ?? 'gpu';
}
