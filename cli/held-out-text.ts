import type { Score } from '../domain/submission/events.ts';
import { rounded } from './output.ts';

export type HeldOutPart = Pick<
  Score,
  'heldOut' | 'deltaBpb' | 'deltaStandardErrorBpb' | 'gapBpb' | 'gapStandardErrorBpb' | 'penalty'
>;

/** What the held-out measure came to, for people; null where there was none. */
export function heldOutText(part: HeldOutPart): string | null {
  const penalised = part.penalty === 1 ? '' : `; the score counts times ${part.penalty}`;
  switch (part.heldOut) {
    case 'off':
      return null;
    case 'failed':
      return `it didn't get through${penalised}`;
    case 'unmeasured':
      return 'not measured, by a fault of ours';
    case 'measured': {
      const delta = `${rounded(part.deltaBpb)} ± ${rounded(part.deltaStandardErrorBpb)} better than its random twin`;
      return `${delta}, gap ${rounded(part.gapBpb)} ± ${rounded(part.gapStandardErrorBpb)}${penalised}`;
    }
  }
}
