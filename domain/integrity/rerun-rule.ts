import { type Policy, rerunModes } from '../policy/policy.ts';
import type { Standings } from '../ports/standings.ts';
import type { Score } from '../submission/events.ts';

export type RerunRule = {
  readonly rule: 'all' | 'champion' | 'paid' | 'sample';
  /** The score that it was compared with; null where there was none, or nothing to compare. */
  readonly comparedScore: number | null;
};

/**
 * Whether policy wants a score repeated before it counts in full, and why. `confirmed` is the score as it would stand if the rerun
 * agreed: that is what it would lead or be paid by. `lot` is in [0, 1), drawn from a secret, so that nobody can hand in a
 * bundle that isn't drawn. A score without a blind estimate is always in the sample: nothing else bounds what it is worth, and its rerun, with
 * a decoy before every batch, gives one.
 */
export function rerunRule(
  { mode, sample, baselineBpb }: Policy['integrity']['reruns'],
  confirmed: Score,
  { champion, ofHotkey }: Standings,
  lot: number,
): RerunRule | null {
  const asks = (of: (typeof rerunModes)[number]) => rerunModes.indexOf(mode) >= rerunModes.indexOf(of);
  const baseline = baselineBpb ?? confirmed.baselineBpb;
  if (confirmed.finalScore <= 0) return null;
  if (asks('all')) return { rule: 'all', comparedScore: null };
  if (asks('champions') && confirmed.finalScore > (champion ?? 0)) return { rule: 'champion', comparedScore: champion };
  const beatsBaseline = baseline === null || confirmed.bitsPerByte < baseline;
  if (asks('paid') && beatsBaseline && confirmed.finalScore > (ofHotkey ?? 0)) {
    return { rule: 'paid', comparedScore: ofHotkey };
  }
  const share = confirmed.blindBpb === null ? 1 : sample;
  return asks('sample') && lot < share ? { rule: 'sample', comparedScore: null } : null;
}
